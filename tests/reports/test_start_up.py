"""Whoever only starts Kedge does not wait for what reports alone need."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT


def test_heavy_libraries_are_imported_when_a_report_is_written_and_not_before() -> None:
    heavy = ("evidently", "pandas", "plotly", "tensorflow")
    program = f"import sys, monitor.reports; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

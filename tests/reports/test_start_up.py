"""Whoever only starts Kedge does not wait for what reports alone need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = ("evidently", "pandas", "plotly", "tensorflow")


def _imported(*modules: str) -> set[str]:
    """Which of the heavy libraries are there once these modules were imported."""
    program = f"import sys, {', '.join(modules)}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["commands", "service", "web.app", "monitor.observer", "monitor.report_round"]
)
def test_heavy_libraries_are_imported_when_a_report_is_written_and_not_before(module: str) -> None:
    assert _imported(module) == set()


def test_a_heavy_library_that_is_imported_is_seen() -> None:
    assert _imported("plotly") == {"plotly"}

"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of real files that nobody here wrote; absent files are the one allowed reason for a skip."""
    folder = Path(os.environ.get("KEDGE_GOLDEN", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.tsv").exists():
        pytest.skip(f"golden files: none at {folder}; set KEDGE_GOLDEN to their folder")
    return folder

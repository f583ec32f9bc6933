"""A database for reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store.engine import open_engine


@pytest.fixture
def engine(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    """One database is enough where it is the page that matters."""
    path = tmp_path / "kedge.db"
    shutil.copy(migrated_sqlite, path)
    opened = open_engine(f"sqlite:///{path}")
    yield opened
    opened.dispose()

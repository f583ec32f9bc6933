"""One history for all tests that only read; copies for those that write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from store.engine import open_engine
from tests.web.history import Told, tell
from tests.web.serving import client, serving


@pytest.fixture(scope="session")
def told_file(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    path = tmp_path_factory.mktemp("history") / "kedge.db"
    shutil.copy(migrated_sqlite, path)
    engine = open_engine(f"sqlite:///{path}")
    told = tell(engine)
    engine.dispose()
    return path, told


@pytest.fixture(scope="session")
def history(told_file: tuple[Path, Told]) -> Iterator[Engine]:
    """The history, for reading."""
    engine = open_engine(f"sqlite:///{told_file[0]}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def told(told_file: tuple[Path, Told]) -> Told:
    return told_file[1]


@pytest.fixture
def own_history(history: Engine, told_file: tuple[Path, Told], tmp_path: Path) -> Iterator[Engine]:
    """A copy of the history, for writing."""
    with history.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.rollback()
    path = tmp_path / "kedge.db"
    shutil.copy(told_file[0], path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def empty(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    """A database with today's tables and nothing in them."""
    path = tmp_path / "empty.db"
    shutil.copy(migrated_sqlite, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def address(history: Engine, told: Told) -> Iterator[str]:
    """The dashboard over the history, without a token."""
    with serving(history, told.now) as where:
        yield where


@pytest.fixture
def visitor(address: str) -> Iterator[httpx.Client]:
    with client(address) as made:
        yield made

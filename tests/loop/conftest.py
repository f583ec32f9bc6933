"""A rig for each test that asks for one: before there is traffic, or where the world has changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.engine import open_engine
from tests.faults import FaultyAws
from tests.loop.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, database_url: str, faulty_aws: FaultyAws) -> Iterator[Rig]:
    """An endpoint without traffic; once on each kind of database."""
    engine = open_engine(database_url)
    rig = Rig(engine, tmp_path, faulty_aws)
    yield rig
    rig.end()
    engine.dispose()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("breach")


@pytest.fixture
def breached(_shared: Path, migrated_sqlite: Path, faulty_aws: FaultyAws) -> Iterator[Rig]:
    """An endpoint whose world has changed, labels and all, and whose policy was not asked yet.

    What that leaves in the folder and the database is made once, and put back for each test.
    """
    now, kept = _shared / "now", _shared / "kept"
    if now.exists():
        shutil.rmtree(now)
    is_first = not kept.exists()
    now.mkdir() if is_first else shutil.copytree(kept, now)
    if is_first:
        shutil.copy(migrated_sqlite, now / "kedge.db")
    engine = open_engine(f"sqlite:///{now}/kedge.db")
    rig = Rig(engine, now, faulty_aws)
    if is_first:
        rig.breach()
        engine.dispose()
        shutil.copytree(now, kept)
    else:
        rig.breached()
    yield rig
    rig.end()
    engine.dispose()

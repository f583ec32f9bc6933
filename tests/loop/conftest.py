"""A rig of its own for each test that asks for one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from store.engine import open_engine
from tests.faults import FaultyAws
from tests.loop.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, migrated_sqlite: Path, faulty_aws: FaultyAws) -> Any:
    shutil.copy(migrated_sqlite, tmp_path / "kedge.db")
    engine = open_engine(f"sqlite:///{tmp_path}/kedge.db")
    yield Rig(engine, tmp_path, faulty_aws)
    engine.dispose()

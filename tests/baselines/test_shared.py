"""Baselines that endpoints share are read once and parsed once for each content."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from baselines import versions
from baselines.folder import BaselineFiles, read_files
from baselines.shared import SharedBaselines
from objects import Place, PlaceError
from store import monitors
from store.engine import writing
from tests.clock import NOON
from tests.observing.yard import Yard


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder with a baseline."""
    yard = Yard(f"file://{tmp_path}")
    yard.baseline()
    return yard.place("baseline")


def _stored(engine: Engine, name: str, files: BaselineFiles, shared: SharedBaselines) -> int:
    with writing(engine) as connection:
        monitor = monitors.register(connection, name, "c", NOON)
        return versions.import_files(connection, monitor.id, files, NOON, shared.parse).id


def test_versions_with_one_content_are_one_parsed_value(database: Engine, place: Place) -> None:
    files = read_files(place)
    first, second = (_stored(database, name, files, SharedBaselines()) for name in ("a", "b"))
    shared = SharedBaselines()
    one, other = shared.load(database, first), shared.load(database, second)
    assert (one.baseline.id, other.baseline.id) == (first, second)
    assert one.profile is other.profile
    assert one.constraints is other.constraints


def test_other_content_is_another_value(database: Engine, place: Place, tmp_path: Path) -> None:
    yard = Yard(f"file://{tmp_path}/other")
    yard.baseline(shift=3.0)
    shared = SharedBaselines()
    first = _stored(database, "a", read_files(place), shared)
    second = _stored(database, "b", read_files(yard.place("baseline")), shared)
    assert shared.load(database, first).profile is not shared.load(database, second).profile


def test_files_are_read_again_after_their_time(place: Place, tmp_path: Path) -> None:
    patient, hasty = SharedBaselines(), SharedBaselines(seconds=0)
    before = patient.files(place, None)
    assert hasty.files(place, None) == before
    Yard(f"file://{tmp_path}").baseline(shift=3.0)
    assert patient.files(place, None) == before
    assert hasty.files(place, None).digest != before.digest


def test_a_folder_that_was_read_in_one_role_is_read_anew_in_another(place: Place, tmp_path: Path) -> None:
    shared = SharedBaselines()
    shared.files(place, None)
    (tmp_path / "baseline" / "constraints.json").unlink()
    shared.files(place, None)
    with pytest.raises(PlaceError):
        shared.files(place, "arn:aws:iam::111122223333:role/kedge")

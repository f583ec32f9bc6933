"""Baselines are versions of two files, stored as they came and never twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from baselines.constraints import ConstraintsError
from baselines.folder import CONSTRAINTS, STATISTICS, BaselineError, BaselineFiles, parse, read_files
from baselines.statistics import StatisticsError
from baselines.versions import import_files, known, load, texts
from objects import PlaceError, open_place
from store.engine import writing
from tests.clock import HOUR, NOON
from tests.judging.profiles import CONSTRAINTS_TEXT, STATISTICS_TEXT
from tests.store.world import watched


def folder(path: Path, statistics: str = STATISTICS_TEXT, constraints: str = CONSTRAINTS_TEXT) -> Path:
    path.mkdir(exist_ok=True)
    (path / STATISTICS).write_text(statistics, encoding="utf-8")
    (path / CONSTRAINTS).write_text(constraints, encoding="utf-8")
    return path


def files_in(path: Path) -> BaselineFiles:
    return read_files(open_place(str(path)))


def test_the_files_of_a_folder_become_the_next_version(database: Engine, tmp_path: Path) -> None:
    files = files_in(folder(tmp_path / "one"))
    with writing(database) as connection:
        monitor = watched(connection)
        assert known(connection, monitor.id, files) is None
        version = import_files(connection, monitor.id, files, NOON)
        assert (version.version, version.records, version.features) == (1, 30, 2)
        assert version.source == str(tmp_path / "one")
        assert texts(connection, version.id) == (STATISTICS_TEXT, CONSTRAINTS_TEXT)
        loaded = load(connection, version.id)
    assert loaded.baseline == version
    assert list(loaded.profile.columns) == ["rings", "length"]
    assert [feature.name for feature in loaded.constraints.features] == ["rings", "length"]


def test_the_same_files_are_one_version_wherever_they_lie(database: Engine, tmp_path: Path) -> None:
    here, there = (files_in(folder(tmp_path / name)) for name in ("here", "there"))
    other = files_in(folder(tmp_path / "other", constraints=CONSTRAINTS_TEXT.replace("0.1", "0.2")))
    with writing(database) as connection:
        monitor = watched(connection)
        first = import_files(connection, monitor.id, here, NOON)
        assert import_files(connection, monitor.id, there, NOON + HOUR) == first
        assert known(connection, monitor.id, there) == first
        assert import_files(connection, monitor.id, other, NOON + HOUR).version == 2


def test_text_that_moves_from_one_file_to_the_other_is_another_baseline(tmp_path: Path) -> None:
    one = files_in(folder(tmp_path / "one", "{} ", "{}"))
    other = files_in(folder(tmp_path / "other", "{}", " {}"))
    assert one.digest != other.digest


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    marked = folder(tmp_path / "marked")
    (marked / STATISTICS).write_bytes(b"\xef\xbb\xbf" + STATISTICS_TEXT.encode())
    assert files_in(marked) == files_in(folder(tmp_path / "marked"))
    assert parse(files_in(marked))[0].rows == 30


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    (folder(tmp_path / "half") / CONSTRAINTS).unlink()
    with pytest.raises(PlaceError, match=r"half/constraints\.json"):
        files_in(tmp_path / "half")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (folder(tmp_path / "bad") / STATISTICS).write_bytes(b"\xff\xfe{}")
    with pytest.raises(BaselineError, match=r"bad/statistics\.json is not UTF-8"):
        files_in(tmp_path / "bad")


@pytest.mark.parametrize(
    ("statistics", "constraints", "error", "said"),
    [
        ("{", CONSTRAINTS_TEXT, StatisticsError, r"statistics\.json .*line 1"),
        (STATISTICS_TEXT, "[]", ConstraintsError, r"constraints\.json"),
        (STATISTICS_TEXT, '{"version": 0.0, "features": []}', BaselineError, "names no features"),
    ],
)
def test_files_that_can_judge_nothing_are_refused_and_nothing_is_stored(
    database: Engine, statistics: str, constraints: str, error: type[Exception], said: str
) -> None:
    files = BaselineFiles(statistics, constraints, "s3://logs/baseline", "digest")
    with writing(database) as connection:
        monitor = watched(connection)
        with pytest.raises(error, match=said):
            import_files(connection, monitor.id, files, NOON)
        assert known(connection, monitor.id, files) is None


def test_a_version_that_is_not_there_is_told(database: Engine) -> None:
    with writing(database) as connection, pytest.raises(BaselineError, match="no baseline with the key 77"):
        load(connection, 77)

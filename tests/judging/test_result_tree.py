"""What an execution found lies where Model Monitor's readers look for it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.checks.names import Check
from baselines.profile import codec
from monitor.publish import files, folder, publish, schedule_name
from objects import FolderObjects, Place, open_place
from store import executions, windows
from store.engine import writing
from store.records import CheckRow, Execution, Outcome, Window
from tests.clock import HOUR, MINUTE, NOON
from tests.judging.profiles import ABALONES
from tests.store.world import began, judge, verdict, window

VIOLATED = CheckRow("rings", Check.DRIFT, Outcome.VIOLATED, 0.4, 0.1, "Baseline drift distance: 0.4 …")
QUIET = CheckRow("length", Check.DRIFT, Outcome.OK, 0.0, 0.1, "…")
THREE = {"constraint_violations.json", "statistics.json", "constraints.json"}


def execution(connection: Connection, judged: Window, *checks: CheckRow) -> Execution:
    return judge(connection, judged, verdict(checks=checks))


def stretch(database: Engine, length: timedelta) -> Execution:
    """An execution of a window from noon on."""
    with began(database) as (connection, monitor, era):
        windows.touch(connection, monitor.id, [(NOON, NOON + length, "AllTraffic", era.id)])
        (judged,) = windows.between(connection, monitor.id, NOON, NOON + length)
        return execution(connection, judged)


@pytest.mark.parametrize(
    ("length", "path"),
    [
        (HOUR, "2026/03/02/13/"),
        (24 * HOUR, "2026/03/03/12/"),
        (15 * MINUTE, "2026/03/02/12/15/"),
        (MINUTE, "2026/03/02/12/01/"),
        (90 * MINUTE, "2026/03/02/13/30/"),
    ],
)
def test_the_folder_is_the_hour_in_which_the_window_ends_and_the_minute_where_hours_do_not_do(
    database: Engine, tmp_path: Path, length: timedelta, path: str
) -> None:
    found = folder(open_place(str(tmp_path)), "abalone-prod", stretch(database, length), None)
    assert found == f"abalone-prod/kedge-AllTraffic/{path}"


def test_windows_of_a_quarter_of_an_hour_never_share_a_folder(database: Engine, tmp_path: Path) -> None:
    place, quarter = open_place(str(tmp_path)), 15 * MINUTE
    with began(database) as (connection, monitor, era):
        starts = [NOON + n * quarter for n in range(8)]
        given = [(start, start + quarter, "AllTraffic", era.id) for start in starts]
        windows.touch(connection, monitor.id, given)
        judged = windows.between(connection, monitor.id, NOON, NOON + 2 * HOUR)
        folders = {folder(place, "abalone-prod", execution(connection, each), None) for each in judged}
    assert len(folders) == 8


def test_the_parts_of_a_window_that_an_era_cut_never_share_a_folder(database: Engine, tmp_path: Path) -> None:
    place, done = open_place(str(tmp_path)), stretch(database, HOUR)
    cut = folder(place, "abalone-prod", done, NOON + 20 * MINUTE + timedelta(seconds=7))
    whole = folder(place, "abalone-prod", done, None)
    assert cut == "abalone-prod/kedge-AllTraffic/2026/03/02/12/20-07/"
    assert (
        whole
        == folder(place, "abalone-prod", done, NOON + HOUR)
        == folder(place, "abalone-prod", done, NOON + 9 * HOUR)
    )


def test_a_prefix_comes_first_and_variants_have_trees_of_their_own(database: Engine) -> None:
    place = Place(FolderObjects(Path("unused")), "monitoring/results", "s3://logs/monitoring/results")
    found = folder(place, "abalone-prod", stretch(database, HOUR), None)
    assert found.startswith("monitoring/results/abalone-prod/kedge-AllTraffic/")
    assert schedule_name("blue") != schedule_name("green")


def test_the_files_say_what_was_judged(database: Engine) -> None:
    with began(database) as (connection, monitor, era):
        judged = window(connection, monitor, era)
        windows.compact(connection, judged.id, codec.encode(ABALONES), ABALONES.rows)
        written = files(connection, execution(connection, judged, QUIET, VIOLATED))
    assert written.keys() == THREE
    assert json.loads(written["constraint_violations.json"]) == {
        "violations": [
            {
                "feature_name": "rings",
                "constraint_check_type": "baseline_drift_check",
                "description": VIOLATED.detail,
            }
        ]
    }
    statistics = statistics_file.read(written["statistics.json"], "statistics.json")
    assert statistics.rows == ABALONES.rows
    constraints = constraints_file.read(written["constraints.json"], "constraints.json")
    assert [feature.name for feature in constraints.features] == list(ABALONES.columns)


def test_a_window_without_a_profile_has_its_violations_alone(database: Engine) -> None:
    with began(database) as (connection, monitor, era):
        written = files(connection, execution(connection, window(connection, monitor, era), VIOLATED))
    assert written.keys() == {"constraint_violations.json"}


def test_publishing_twice_is_publishing_once_and_the_violations_come_last(
    database: Engine, tmp_path: Path
) -> None:
    done, place = stretch(database, HOUR), open_place(str(tmp_path))
    texts = dict.fromkeys(sorted(THREE), "{}")
    base = tmp_path / "abalone-prod" / "kedge-AllTraffic" / "2026" / "03" / "02" / "13"
    for _ in range(2):
        publish(place, "abalone-prod", done, None, texts)
        assert {path.name for path in base.iterdir()} == THREE
    newest = max(base.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == "constraint_violations.json"


def test_a_new_revision_takes_the_place_of_the_old_one(database: Engine, tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    with began(database) as (connection, monitor, era):
        judged = window(connection, monitor, era)
        first = execution(connection, judged, VIOLATED)
        publish(place, "abalone-prod", first, None, files(connection, first))
        second = execution(connection, judged, QUIET)
        assert [one.id for one in executions.unpublished(connection, monitor.id)] == [second.id]
        publish(place, "abalone-prod", second, None, files(connection, second))
    (written,) = tmp_path.rglob("constraint_violations.json")
    assert json.loads(written.read_text()) == {"violations": []}


def test_the_database_need_not_be_open_to_publish(database: Engine, tmp_path: Path) -> None:
    done = stretch(database, HOUR)
    with writing(database) as connection:
        written = files(connection, done)
    database.dispose()
    publish(open_place(str(tmp_path)), "abalone-prod", done, None, written)
    assert any(tmp_path.rglob("constraint_violations.json"))

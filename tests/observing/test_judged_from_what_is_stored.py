"""Past windows held against another baseline version, from their stored statistics and no capture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from baselines import constraints, statistics
from baselines.checks.names import Check
from baselines.create import create
from baselines.folder import BaselineFiles
from baselines.versions import import_files
from monitor.eras import InForce
from monitor.rejudging import past, rejudge
from monitor.rounds import LEASE
from store import decisions, executions, incidents, monitors, windows
from store.engine import reading, writing
from store.lease import leased
from store.records import Execution, Outcome
from store.retraining import DecisionReason
from store.schema import segments
from store.schema import windows as windows_table
from tests.clock import HOUR, MINUTE, NOON
from tests.commands.line import Ran, kedge_process
from tests.observing.conftest import Watch
from tests.observing.test_one_more_object import _counted
from tests.observing.yard import Yard, baseline_files, records

WINDOWS = 6


def _month(watch: Watch, **entry: Any) -> None:
    """Some minutes of traffic, a few objects each; the fourth minute is far off."""
    for minute in range(WINDOWS):
        for part in range(3):
            given = records(10 * minute + part, NOON + minute * MINUTE, 80, shift=3.0 if minute == 3 else 0.0)
            watch.yard.capture("abalone", given, name=f"n{part}")
    watch.fine(watch.yard.endpoint(**entry), NOON + HOUR)


def _stored_version(watch: Watch, files: dict[str, bytes], digest: str = "another") -> int:
    given = BaselineFiles(
        files["statistics.json"].decode(), files["constraints.json"].decode(), "by hand", digest
    )
    with writing(watch.engine) as connection:
        return import_files(connection, watch.monitor().id, given, NOON).version


def _held_against(watch: Watch, version: int, **entry: Any) -> list[Execution]:
    key = watch.monitor().id
    given = past(
        watch.engine,
        key,
        watch.yard.endpoint(**entry),
        version,
        start=NOON,
        end=None,
        now=watch.clock.at,
    )
    with leased(watch.engine, monitors, key, "test", LEASE, lambda: False) as lease:
        assert lease is not None
        return list(rejudge(watch.engine, lease.transaction, given, watch.clock.at))


def _said(watch: Watch, execution: Execution) -> tuple[Any, ...]:
    with reading(watch.engine) as connection:
        return (
            *(execution.start, execution.variant, execution.status, execution.records, execution.rejected),
            *(execution.violations, execution.message),
            executions.features(connection, execution.id),
            executions.checks(connection, execution.id),
        )


def _tightened(files: dict[str, bytes], **config: Any) -> dict[str, bytes]:
    read = json.loads(files["constraints.json"])
    read["monitoring_config"]["distribution_constraints"].update(config)
    return files | {"constraints.json": json.dumps(read).encode()}


@pytest.mark.parametrize(
    "files",
    [
        baseline_files(shift=3.0),
        baseline_files(shift=0.4, rows=1500),
        _tightened(baseline_files(), comparison_threshold=0.01),
        _tightened(baseline_files(), comparison_method="Simple", categorical_comparison_threshold=0.0),
    ],
    ids=["another", "near", "tight", "simple"],
)
@pytest.mark.parametrize("settled", [False, True])
def test_judged_from_what_is_stored_is_judged_by_reading_anew(
    watch: Watch, tmp_path: Path, files: dict[str, bytes], settled: bool
) -> None:
    """The same captures read by an endpoint that had the other baseline from the first."""
    _month(watch)
    if settled:
        watch.fine(watch.yard.endpoint(), NOON + 96 * HOUR)
        with reading(watch.engine) as connection:
            assert connection.execute(select(func.count()).select_from(segments)).scalar_one() == 0
    version = _stored_version(watch, files)
    from_stored = [_said(watch, one) for one in _held_against(watch, version)]

    for name, data in files.items():
        watch.yard.put("other", name, data)
    anew = Yard(watch.yard.uri)
    shutil.copytree(tmp_path / "yard" / "capture" / "abalone", tmp_path / "yard" / "capture" / "twin")
    watch.fine(anew.endpoint("twin", baseline=f"{anew.uri}/other"), NOON + HOUR)
    read_anew = [_said(watch, one) for one in watch.judged(name="twin")]
    assert len(read_anew) == WINDOWS
    assert from_stored == read_anew
    assert len({said[5] for said in read_anew}) > 1, "all windows came out alike: nothing was compared"


def test_no_capture_is_read_and_the_verdict_stays(watch: Watch, tmp_path: Path) -> None:
    _month(watch)
    before, opened = watch.judged(), watch.incidents()
    version = _stored_version(watch, baseline_files(shift=3.0))
    with reading(watch.engine) as connection:
        seen = decisions.newest_execution(connection, watch.monitor().id)
    shutil.rmtree(tmp_path / "yard" / "capture")
    with _counted(watch.engine) as cost:
        held = _held_against(watch, version)
    assert cost.objects == []
    assert [(one.revision, one.latest, one.baseline_version) for one in held] == [(2, False, 2)] * WINDOWS
    # all but the one that is far off from the usual, where the other baseline lies
    assert [one.violations > 0 for one in held] == [minute != 3 for minute in range(WINDOWS)]
    assert watch.judged() == before
    assert watch.incidents() == opened
    with reading(watch.engine) as connection:
        waiting = executions.unpublished(connection, watch.monitor().id)
        assert {one.id for one in waiting} <= {one.id for one in before}
        assert decisions.newest_execution(connection, watch.monitor().id) == seen


def test_a_late_object_goes_on_from_the_verdict(watch: Watch) -> None:
    _month(watch)
    _held_against(watch, _stored_version(watch, baseline_files(shift=3.0)))
    watch.yard.capture("abalone", records(99, NOON, 20), name="late")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    first = watch.judged()[0]
    assert (first.revision, first.baseline_version, first.records) == (3, 1, 260)


def test_the_version_that_judges_the_era_gives_a_verdict(watch: Watch) -> None:
    """As after an import: the era in force is judged by the new version, an era before keeps its own."""
    watch.in_force = InForce("first", NOON - HOUR)
    _month(watch)
    watch.in_force = InForce("second", NOON + 2 * HOUR)
    later = [records(500 + n, NOON + 3 * HOUR + n * MINUTE, 100) for n in range(2)]
    for given in later:
        watch.yard.capture("abalone", given)
    watch.fine(watch.yard.endpoint(), NOON + 4 * HOUR)
    watch.yard.baseline(shift=3.0)
    watch.fine(watch.yard.endpoint(), NOON + 4 * HOUR)
    held = _held_against(watch, 2)
    assert [one.latest for one in held] == [False] * WINDOWS + [True, True]
    assert [one.baseline_version for one in watch.judged()] == [1] * WINDOWS + [2, 2]
    with reading(watch.engine) as connection:
        (drift,) = incidents.open_ones(connection, watch.monitor().id)
    assert drift.first_window >= NOON + 3 * HOUR


def test_a_changed_threshold_in_kedge_yaml_judges_from_what_is_stored_too(
    watch: Watch, tmp_path: Path
) -> None:
    _month(watch)
    before = watch.judged()
    with _counted(watch.engine) as cost:
        held = _held_against(watch, 1, distance="compat")
    assert cost.objects == []
    assert [one.distance_mode for one in held] == ["compat"] * WINDOWS
    assert watch.judged() == held
    assert {one.id for one in held}.isdisjoint(one.id for one in before)


def _of_other_columns() -> dict[str, bytes]:
    """A baseline that takes sex for a number and length for a text, and knows a column that no record has."""
    rows = [f"{n % 20},small,{n % 3},{n}" for n in range(200)]
    profile, asked = create("\n".join(["rings,length,sex,weight", *rows]).encode(), where="other.csv")
    return {
        "statistics.json": statistics.write(profile).encode(),
        "constraints.json": constraints.write(asked).encode(),
    }


def test_what_is_not_stored_is_told_and_is_no_drift(watch: Watch) -> None:
    _month(watch)
    held = _held_against(watch, _stored_version(watch, _of_other_columns()))
    assert len(held) == WINDOWS
    for execution in held:
        by_feature: dict[str, dict[str, tuple[Outcome, str]]] = {}
        for row in watch.checks(execution):
            by_feature.setdefault(row.feature, {})[row.check] = (row.outcome, row.detail)
        assert set(by_feature) == {"rings", "length", "sex", "weight"}
        outcome, why = by_feature["length"][Check.DRIFT]
        assert outcome is Outcome.INSUFFICIENT_DATA
        assert "profiled as numbers" in why
        assert by_feature["length"][Check.DOMAIN][0] is Outcome.INSUFFICIENT_DATA
        # every value of sex is a letter: so it is, profiled as either, and there is no number to compare
        assert by_feature["sex"][Check.DRIFT][0] is Outcome.NOT_APPLICABLE
        assert by_feature["sex"][Check.DATA_TYPE][0] is Outcome.VIOLATED
        assert by_feature["weight"] == {
            Check.COMPLETENESS: (
                Outcome.NOT_APPLICABLE,
                "The records were read without a column of this name.",
            )
        }
        drifted = [
            row for row in watch.checks(execution) if row.check == Check.DRIFT and row.feature != "rings"
        ]
        assert all(row.outcome is not Outcome.VIOLATED for row in drifted)


def test_numbers_that_were_profiled_as_text_are_told(watch: Watch) -> None:
    as_text = json.loads(baseline_files()["constraints.json"])
    for feature in as_text["features"]:
        if feature["name"] == "length":
            feature["inferred_type"] = "String"
    watch.yard.put("baseline", "constraints.json", json.dumps(as_text).encode())
    _month(watch)
    held = _held_against(watch, _stored_version(watch, baseline_files()))
    for execution in held:
        rows = {row.check: row for row in watch.checks(execution) if row.feature == "length"}
        for check in (Check.DRIFT, Check.UNIT, Check.NON_NEGATIVE):
            if check in rows:
                assert rows[check].outcome is Outcome.INSUFFICIENT_DATA
                assert "profiled as text" in rows[check].detail
        assert rows[Check.DATA_TYPE].outcome is Outcome.OK
        assert rows[Check.COMPLETENESS].outcome is Outcome.OK


def _run(watch: Watch, folder: Path, *arguments: str) -> Ran:
    """What an owner runs beside the service."""
    database = watch.engine.url.render_as_string(hide_password=False)
    (folder / "clock").write_text(watch.clock.at.isoformat())
    (folder / "kedge.yaml").write_text(
        f"database: '{database}'\nendpoints: [{{name: abalone, capture: '{watch.yard.uri}/capture', "
        f"baseline: '{watch.yard.uri}/baseline', prediction: rings, window: 1m, grace: 1m}}]\n"
    )
    return kedge_process("run", "abalone", *arguments, cwd=folder)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDGE_CLOCK", str(tmp_path / "clock"))


@pytest.mark.usefixtures("clock")
def test_the_command_says_what_stands_beside_and_what_is_gone(watch: Watch, tmp_path: Path) -> None:
    _month(watch)
    _stored_version(watch, _of_other_columns())
    with writing(watch.engine) as connection:  # as retention leaves it
        connection.execute(
            update(windows_table).where(windows_table.c.start == NOON).values(settled=True, profile=None)
        )
    shutil.rmtree(tmp_path / "yard" / "capture")
    since = ("--start", f"{NOON:%Y-%m-%dT%H:%M}", "--end", f"{NOON + 3 * MINUTE:%Y-%m-%dT%H:%M}")
    ran = _run(watch, tmp_path, "--baseline", "2", *since)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split("  ")[2] for line in lines[:2]] == ["revision 2"] * 2
    assert lines[2].startswith("length: Its records were profiled as numbers")
    assert lines[2].endswith("(2 windows)")
    assert lines[3] == "weight: The records were read without a column of this name. (2 windows)"
    assert lines[4:] == [
        "2 windows held against version 2 beside the verdict, which stays: another version judges their era.",
        "1 window of that time can't be judged again: retention.profiles has let their statistics go.",
    ]
    told = json.loads(_run(watch, tmp_path, "--baseline", "2", "--json", *since).out)
    assert [(one["revision"], one["baseline"], one["in_force"]) for one in told] == [(3, 2, False)] * 2


@pytest.mark.usefixtures("clock")
def test_what_stands_beside_a_verdict_is_no_news_to_a_policy(watch: Watch, tmp_path: Path) -> None:
    _month(watch)
    _stored_version(watch, _of_other_columns())
    with writing(watch.engine) as connection:
        monitor = monitors.by_name(connection, "abalone")
        assert monitor is not None
        newest = decisions.newest_execution(connection, monitor.id)
        assert newest is not None
        decisions.record(
            connection, monitor_id=monitor.id, upto_execution_id=newest, reason=DecisionReason.NO_BREACH,
            words="", seen=(), incident_id=None, run_id=None, config_digest="digest", now=NOON,
        )  # fmt: skip
    since = ("--start", f"{NOON:%Y-%m-%dT%H:%M}", "--end", f"{NOON + 3 * MINUTE:%Y-%m-%dT%H:%M}")
    assert "beside the verdict" in _run(watch, tmp_path, "--baseline", "2", *since).out
    with reading(watch.engine) as connection:
        assert decisions.undecided(connection) == frozenset()


@pytest.mark.usefixtures("clock")
def test_a_version_that_there_is_not_is_told(watch: Watch, tmp_path: Path) -> None:
    _month(watch)
    assert _run(watch, tmp_path, "--baseline", "7").sentence == (
        "abalone has no baseline version 7: it has 1; 'kedge baseline list abalone' shows them"
    )
    assert _run(watch, tmp_path, "--baseline", "0").status == 2


def _waiting_month(watch: Watch) -> None:
    """Some minutes that were judged, and one of which the first object alone is counted yet."""
    _month(watch)
    late = NOON + HOUR
    watch.yard.capture("abalone", records(70, late, 60), name="first")
    watch.fine(watch.yard.endpoint(), late + MINUTE + MINUTE / 2)
    for part in range(9):
        watch.yard.capture("abalone", records(71 + part, late, 60), name=f"n{part}")
    watch.clock.at = late + HOUR


@pytest.mark.usefixtures("clock")
def test_a_window_that_waits_for_its_objects_gets_no_verdict(watch: Watch, tmp_path: Path) -> None:
    _waiting_month(watch)
    before = watch.incidents()
    ran = _run(watch, tmp_path, "--baseline", "1")
    assert ran.out.splitlines()[WINDOWS:] == [
        "1 window still waits to be judged, and got no verdict: run 'kedge run abalone' first."
    ]
    (waiting,) = [one for one in watch.windows() if one.dirty]
    assert (waiting.start, waiting.revision) == (NOON + HOUR, 0)
    assert watch.incidents() == before
    watch.fine(watch.yard.endpoint(), watch.clock.at)
    last = watch.judged()[-1]
    assert (last.revision, last.records) == (1, 600)


@pytest.mark.usefixtures("clock")
def test_what_is_counted_of_a_window_that_waits_is_held_beside_and_told(watch: Watch, tmp_path: Path) -> None:
    _waiting_month(watch)
    _stored_version(watch, baseline_files(shift=3.0))
    ran = _run(watch, tmp_path, "--baseline", "2")
    assert len(ran.out.splitlines()) == WINDOWS + 1 + 2
    assert ran.out.splitlines()[-1] == (
        "1 of them still waits to be judged: what is counted of it so far was held against it."
    )
    assert [one.start for one in watch.windows() if one.dirty] == [NOON + HOUR]


def test_a_window_that_is_marked_meanwhile_is_left_to_who_marked_it(watch: Watch) -> None:
    """All of them are judged before the transaction that stores begins, in which nothing waits for that."""
    _month(watch)
    key, second = watch.monitor().id, NOON + MINUTE
    given = past(watch.engine, key, watch.yard.endpoint(), 1, start=None, end=None, now=watch.clock.at)

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with writing(watch.engine) as connection:
            windows.mark(connection, key, second, second + MINUTE)
        with writing(watch.engine) as connection:
            yield connection

    held = list(rejudge(watch.engine, transaction, given, watch.clock.at))
    assert [one.start for one in held] == [NOON + n * MINUTE for n in range(WINDOWS) if n != 1]
    assert [one.start for one in watch.windows() if one.dirty] == [second]

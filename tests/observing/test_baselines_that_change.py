"""Which baseline judges: the one that lies in the folder, or one that was imported by hand since."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from monitor.eras import InForce
from store import baselines
from store.engine import reading, writing
from store.schema import deployments, monitors
from tests.clock import HOUR, MINUTE, NOON
from tests.commands.line import kedge_process
from tests.observing.conftest import Watch
from tests.observing.yard import records


def _judged_by(watch: Watch) -> list[int | None]:
    return [one.baseline_version for one in watch.judged()]


def _minute(watch: Watch, at: int, folder: str = "baseline") -> None:
    """A minute's records, and a round once it is due."""
    watch.yard.capture("abalone", records(at, NOON + at * MINUTE, 200))
    entry = watch.yard.endpoint(baseline=f"{watch.yard.uri}/{folder}")
    watch.fine(entry, NOON + (at + 2) * MINUTE)


def test_going_back_to_an_earlier_baseline_is_going_back(watch: Watch) -> None:
    watch.yard.baseline("other", shift=3.0)
    for minute, folder in enumerate(("baseline", "other", "baseline")):
        _minute(watch, minute, folder)
    assert _judged_by(watch) == [1, 2, 1]
    assert [one.violations > 0 for one in watch.judged()] == [False, True, False]


def test_files_that_are_put_back_judge_again(watch: Watch) -> None:
    for minute, shift in enumerate((0.0, 3.0, 0.0)):
        watch.yard.baseline(shift=shift)
        _minute(watch, minute)
    assert _judged_by(watch) == [1, 2, 1]


def test_an_entry_that_is_changed_and_changed_back_at_once_judges_as_it_reads(watch: Watch) -> None:
    """One process, which does not read the same files every second."""
    watch.yard.baseline("other", shift=3.0)
    service = watch.observer()
    for minute, folder in enumerate(("baseline", "other", "baseline")):
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, 200))
        watch.clock.at = NOON + (minute + 2) * MINUTE
        assert service.observe(watch.yard.endpoint(baseline=f"{watch.yard.uri}/{folder}")) is not None
    assert _judged_by(watch) == [1, 2, 1]


def _import(watch: Watch, folder: Path, baseline: str) -> None:
    """What an owner runs beside the service."""
    database = watch.engine.url.render_as_string(hide_password=False)
    config = folder / "kedge.yaml"
    config.write_text(
        f"database: '{database}'\nendpoints: [{{name: abalone, capture: '{watch.yard.uri}/capture'}}]\n"
    )
    ran = kedge_process("baseline", "import", "abalone", f"{watch.yard.uri}/{baseline}", cwd=folder)
    assert ran.status == 0, ran.err


def test_a_version_imported_by_hand_judges_until_the_folder_changes(watch: Watch, tmp_path: Path) -> None:
    watch.yard.baseline("other", shift=3.0)
    _minute(watch, 0)
    _import(watch, tmp_path, "other")
    _minute(watch, 1)
    watch.yard.baseline(shift=1.0)
    _minute(watch, 2)
    assert _judged_by(watch) == [1, 2, 3]


def test_a_version_imported_by_hand_stays_after_an_upgrade(watch: Watch, tmp_path: Path) -> None:
    """A database of before does not know which files were seen last, and they were not changed since."""
    watch.yard.baseline("other", shift=3.0)
    _minute(watch, 0)
    _import(watch, tmp_path, "other")
    with writing(watch.engine) as connection:
        connection.execute(update(monitors).values(baseline_seen=None))
    _minute(watch, 1)
    _minute(watch, 2)
    assert _judged_by(watch) == [1, 2, 2]


def _two_eras_without_a_baseline(watch: Watch) -> None:
    watch.in_force = InForce("first", NOON - HOUR)
    assert watch.round(watch.yard.endpoint(baseline=None), NOON).problem is not None
    watch.in_force = InForce("second", NOON + 2 * MINUTE)
    for minute in range(4):
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, 200))
    said = watch.round(watch.yard.endpoint(baseline=None), NOON + 3 * MINUTE).problem
    assert said is not None
    assert "kedge baseline import abalone" in said


def test_what_the_problem_says_to_do_mends_it_for_every_era(watch: Watch, tmp_path: Path) -> None:
    _two_eras_without_a_baseline(watch)
    _import(watch, tmp_path, "baseline")
    watch.fine(watch.yard.endpoint(baseline=None), NOON + HOUR)
    assert _judged_by(watch) == [1, 1, 1, 1]
    assert len({one.deployment_id for one in watch.judged()}) == 2


def test_an_import_leaves_the_eras_before_their_own_baselines(watch: Watch, tmp_path: Path) -> None:
    watch.in_force = InForce("first", NOON - HOUR)
    _minute(watch, 0)
    watch.in_force = InForce("second", NOON + MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + 2 * MINUTE)
    watch.yard.baseline("other", shift=3.0)
    _import(watch, tmp_path, "other")
    with reading(watch.engine) as connection:
        versions = {one.id: one.version for one in baselines.versions(connection, watch.monitor().id)}
    assert [versions[era.baseline_id or 0] for era in watch.eras()] == [1, 2]


def test_a_window_without_a_baseline_waits_and_the_others_are_judged(watch: Watch, tmp_path: Path) -> None:
    """As an import of an earlier version of Kedge left it: the newest era alone had one."""
    _two_eras_without_a_baseline(watch)
    _import(watch, tmp_path, "baseline")
    old = watch.eras()[0]
    with writing(watch.engine) as connection:
        connection.execute(update(deployments).where(deployments.c.id == old.id).values(baseline_id=None))
    entry = watch.yard.endpoint(baseline=None)
    problem = watch.round(entry, NOON + HOUR).problem
    assert problem is not None
    assert "kedge baseline import abalone" in problem
    assert [(one.start - NOON) // MINUTE for one in watch.judged()] == [2, 3]
    _import(watch, tmp_path, "baseline")
    watch.fine(entry, NOON + HOUR + MINUTE)
    assert _judged_by(watch) == [1, 1, 1, 1]

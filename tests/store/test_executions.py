"""Executions: a window's judgements, revision after revision, with all their rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, func, select

from store import baselines, executions, series, windows
from store.records import (
    CheckRow,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    MetricRow,
    Monitor,
    Outcome,
)
from store.schema import check_results, feature_results, metrics
from store.schema import windows as windows_table
from store.series import ViolationCount
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world

LENGTH = FeatureResult("length", "Fractional", 1.0, 0.5, 0.1, 0.0, 1.0, 100.0, 0.3, 0.2, Outcome.VIOLATED)
SEX = FeatureResult("sex", "String", 0.9, None, None, None, None, 3.0, 0.01, 0.1, Outcome.OK)
DRIFT = CheckRow("length", "baseline_drift_check", Outcome.VIOLATED, 0.3, 0.2, "Distance 0.3 exceeds 0.2.")
TYPES = CheckRow("sex", "data_type_check", Outcome.OK, 1.0, 1.0, "")


def _judged(
    connection: Connection, monitor: Monitor, deployment: Deployment, start: datetime, drift: float = 0.3
) -> Execution:
    window = world.window(connection, monitor, deployment, start)
    feature = replace(LENGTH, drift=drift)
    return world.judge(connection, window, world.verdict(features=(feature, SEX), checks=(DRIFT, TYPES)))


def test_a_judgement_comes_back_whole(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        baseline = baselines.add(
            connection, monitor.id, statistics="{}", constraints="{}", source="s3://logs/baselining",
            source_digest="d", records=1000, features=2, now=NOON,
        )  # fmt: skip
        window = world.window(connection, monitor, deployment)
        new = world.verdict(
            status=ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
            baseline_id=baseline.id,
            records=200,
            rejected=3,
            message="CompletedWithViolations: Job completed with 1 violation.",
            features=(SEX, LENGTH),
            checks=(TYPES, DRIFT),
            metrics=(MetricRow("rmse", 2.2, 2.0, None, 200), MetricRow("mae", None, None, None, 0)),
        )
        stored = executions.record(connection, window, new, NOON + 2 * HOUR)
        assert executions.features(connection, stored.id) == (SEX, LENGTH)  # in the baseline's order
        assert executions.checks(connection, stored.id) == (TYPES, DRIFT)
        assert executions.metric_rows(connection, stored.id) == (new.metrics[1], new.metrics[0])
        assert stored == executions.by_id(connection, stored.id)
    assert stored == Execution(
        id=stored.id, monitor_id=monitor.id, window_id=window.id, kind=ExecutionKind.DATA_QUALITY, revision=1,
        status=ExecutionStatus.COMPLETED_WITH_VIOLATIONS, start=NOON, end=NOON + HOUR, variant=world.VARIANT,
        deployment_id=deployment.id, baseline_version=1, distance_mode="correct", judged_at=NOON + 2 * HOUR,
        records=200, rejected=3, violations=1, message=new.message, config_digest="digest", latest=True,
        published_at=None,
    )  # fmt: skip
    assert type(stored.status) is ExecutionStatus


def test_a_metric_is_of_one_variant_and_era_and_of_labels_enough(database: Engine) -> None:
    with world.began(database) as (connection, monitor, first):
        second = world.era(connection, monitor, NOON + HOUR, "config-2")

        def measure(hour: int, value: float | None, era: Deployment, variant: str, count: int = 20) -> None:
            start = NOON + hour * HOUR
            windows.touch(connection, monitor.id, [(start, start + HOUR, variant, era.id)])
            found = windows.between(connection, monitor.id, start, start + HOUR)
            mine = next(one for one in found if (one.variant, one.deployment_id) == (variant, era.id))
            given = MetricRow("rmse", value, value, value, count), MetricRow("mae", 9.0, 9.0, 9.0, count)
            world.judge(connection, mine, world.verdict(ExecutionKind.MODEL_QUALITY, metrics=given))

        for hour in range(5):
            measure(hour, 10.0 + hour, second, world.VARIANT)
            measure(hour, 20.0, first, world.VARIANT)
            measure(hour, 30.0, second, "Shadow")
        measure(2, 42.0, second, world.VARIANT)  # more labels came
        measure(5, 50.0, second, world.VARIANT, count=19)
        measure(6, None, second, world.VARIANT)

        def values(limit: int = 9, since: datetime = NOON, **how: Any) -> list[float | None]:
            key = (monitor.id, world.VARIANT, second.id, "rmse")
            found = series.measured(connection, *key, since=since, fewest=20, limit=limit, **how)
            return [point.metric.value for point in found]

        assert values() == [10.0, 11.0, 42.0, 13.0, 14.0]
        assert values(2) == [10.0, 11.0]
        assert values(2, newest_first=True) == [14.0, 13.0]
        assert values(2, since=NOON + 2 * HOUR) == [42.0, 13.0]


def test_a_judgement_without_a_baseline_has_no_version(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        stored = world.judge(connection, world.window(connection, monitor, deployment))
        assert stored.baseline_version is None
        assert executions.features(connection, stored.id) == ()


def test_a_new_revision_supersedes_the_one_before_and_keeps_it(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        first = _judged(connection, monitor, deployment, NOON)
        second = _judged(connection, monitor, deployment, NOON, drift=0.1)
        assert [(one.revision, one.latest) for one in executions.of_window(connection, first.window_id)] == [
            (2, True), (1, False),
        ]  # fmt: skip
        assert executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY) == (second,)
        points = series.drift(connection, monitor.id)
        assert [(point.feature, point.drift) for point in points] == [("length", 0.1), ("sex", 0.01)]
        assert [feature.drift for feature in executions.features(connection, first.id)] == [0.3, 0.01]
        window = windows.by_id(connection, first.window_id)
        assert window is not None
        assert (window.revision, window.dirty) == (2, False)


def test_data_and_quality_are_numbered_apart(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        data = _judged(connection, monitor, deployment, NOON)
        window = world.window(connection, monitor, deployment)
        quality = world.judge(connection, window, world.verdict(ExecutionKind.MODEL_QUALITY))
        assert (data.revision, quality.revision) == (1, 1)
        assert executions.by_id(connection, data.id) == data  # still the latest of its kind
        assert executions.latest(connection, monitor.id, ExecutionKind.MODEL_QUALITY) == (quality,)
        found = windows.by_id(connection, window.id)
        assert found is not None
        assert found.dirty  # measuring quality judges no data


def test_the_latest_of_a_period_come_newest_window_first(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        by_hour = [_judged(connection, monitor, deployment, NOON + hour * HOUR) for hour in (1, 0, 3, 2)]
        kind = ExecutionKind.DATA_QUALITY
        newest = executions.latest(connection, monitor.id, kind)
        assert [one.start for one in newest] == [NOON + hour * HOUR for hour in (3, 2, 1, 0)]
        assert executions.latest(connection, monitor.id, kind, limit=2) == newest[:2]
        within = executions.latest(connection, monitor.id, kind, start=NOON + HOUR, end=NOON + 3 * HOUR)
        assert within == newest[1:3]
        assert set(newest) == set(by_hour)


def test_what_came_before_a_window_is_of_its_variant_and_era(database: Engine) -> None:
    with world.began(database) as (connection, monitor, old):
        _judged(connection, monitor, old, NOON - 2 * HOUR)
        new = world.era(connection, monitor, NOON - HOUR, "config-2")
        near, nearest, itself = (_judged(connection, monitor, new, NOON + hour * HOUR) for hour in (-1, 0, 1))
        found = executions.before(connection, monitor.id, world.VARIANT, new.id, NOON + HOUR, 5)
        assert found == (nearest, near)
        assert executions.before(connection, monitor.id, world.VARIANT, new.id, NOON + HOUR, 1) == (nearest,)
        assert executions.before(connection, monitor.id, "another", new.id, NOON + HOUR, 5) == ()
        assert executions.after(connection, monitor.id, world.VARIANT, new.id, NOON - HOUR, 5) == (
            nearest,
            itself,
        )
        assert executions.after(connection, monitor.id, world.VARIANT, new.id, NOON - HOUR, 1) == (nearest,)
        assert executions.after(connection, monitor.id, world.VARIANT, old.id, NOON - HOUR, 5) == ()


def test_the_drift_of_a_period_comes_oldest_first(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        ids = {hour: _judged(connection, monitor, deployment, NOON + hour * HOUR).id for hour in (2, 0, 1)}
        points = series.drift(connection, monitor.id, start=NOON + HOUR, end=NOON + 3 * HOUR)
        assert [(point.execution_id, point.feature) for point in points] == [
            (ids[1], "length"), (ids[1], "sex"), (ids[2], "length"), (ids[2], "sex"),
        ]  # fmt: skip
        assert points[0].outcome is Outcome.VIOLATED


def test_violations_of_a_period_are_counted_by_windows_not_revisions(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for hour in (0, 1, 1, 2):
            _judged(connection, monitor, deployment, NOON + hour * HOUR)
        extra = world.verdict(checks=(replace(DRIFT, feature="height"), TYPES))
        world.judge(connection, world.window(connection, monitor, deployment, NOON + 3 * HOUR), extra)
        found = series.violations(connection, monitor.id, start=NOON, end=NOON + 4 * HOUR)
        assert found == (
            ViolationCount("baseline_drift_check", "length", 3),
            ViolationCount("baseline_drift_check", "height", 1),
        )
        early = series.violations(connection, monitor.id, start=NOON, end=NOON + 2 * HOUR)
        assert early == (ViolationCount("baseline_drift_check", "length", 2),)


def test_only_the_latest_data_judgements_wait_to_be_published_oldest_first(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        superseded = _judged(connection, monitor, deployment, NOON)
        first = _judged(connection, monitor, deployment, NOON)
        second = _judged(connection, monitor, deployment, NOON - HOUR)
        world.judge(
            connection,
            world.window(connection, monitor, deployment),
            world.verdict(ExecutionKind.MODEL_QUALITY),
        )
        assert executions.unpublished(connection, monitor.id) == (first, second)
        assert executions.unpublished(connection, monitor.id, limit=1) == (first,)
        executions.published(connection, first.id, NOON + 3 * HOUR)
        assert executions.unpublished(connection, monitor.id) == (second,)
        found = executions.by_id(connection, first.id)
        assert found is not None
        assert found.published_at == NOON + 3 * HOUR
        assert superseded.id < first.id


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_numbers_beyond_numbers_are_the_same_on_both_databases(database: Engine, wrong: float) -> None:
    with world.began(database) as (connection, monitor, deployment):
        feature = replace(LENGTH, mean=wrong)
        stored = world.judge(
            connection, world.window(connection, monitor, deployment), world.verdict(features=(feature,))
        )
        (found,) = executions.features(connection, stored.id)
        assert found.mean == (None if wrong != wrong else wrong)


def test_features_may_be_named_by_strangers(database: Engine) -> None:
    name = "<script>\0'; DROP TABLE monitors; --"
    check = replace(DRIFT, feature=name, detail=f"'{name}' is extra")
    with world.began(database) as (connection, monitor, deployment):
        window = world.window(connection, monitor, deployment)
        stored = world.judge(
            connection, window, world.verdict(features=(replace(LENGTH, feature=name),), checks=(check,))
        )
        (feature,) = executions.features(connection, stored.id)
        assert feature.feature == name.replace("\0", "\u2400")
        assert executions.checks(connection, stored.id)[0].feature == feature.feature


def test_every_word_of_the_records_fits_its_column(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for hour, status in enumerate(ExecutionStatus):
            window = world.window(connection, monitor, deployment, NOON + hour * HOUR)
            for kind in ExecutionKind:
                rows = tuple(replace(SEX, outcome=outcome) for outcome in Outcome)
                checks = tuple(replace(TYPES, outcome=outcome) for outcome in Outcome)
                new = world.verdict(kind, status=status, features=rows, checks=checks)
                stored = executions.record(connection, window, new, NOON + 15 * MINUTE)
                assert (stored.status, stored.kind) == (status, kind)
                assert executions.features(connection, stored.id) == rows
                assert executions.checks(connection, stored.id) == checks


def test_a_window_takes_its_executions_and_their_rows_with_it(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        stored = _judged(connection, monitor, deployment, NOON)
        connection.execute(delete(windows_table).where(windows_table.c.id == stored.window_id))
        for table in (feature_results, check_results, metrics):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_more_executions_than_a_statement_takes_are_asked_for_their_details(database: Engine) -> None:
    """PostgreSQL takes 65,535 parameters, and a year of hours of some variants is more."""
    with world.began(database) as (connection, monitor, deployment):
        first, second = (_judged(connection, monitor, deployment, NOON + hour * HOUR).id for hour in range(2))
        asked = [first, *range(second + 1, second + 70_000), first, second]
        assert executions.with_details(connection, asked, [DRIFT.detail]) == (("length", DRIFT.detail, 2),)

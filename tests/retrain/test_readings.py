"""The metrics of conditions, as the store's rows give them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine

from baselines import constraints
from baselines.checks.names import Check
from baselines.constraints import CategoricalDriftMethod
from baselines.create import create
from config.distance import Distance
from config.expressions import Reading
from config.metrics import METRICS
from monitor.judge import judge as judge_profile
from retrain.readings import FEWEST_LABELLED, WindowReadings, of_windows
from store import baselines, deployments
from store.records import (
    CheckRow,
    Deployment,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    MetricRow,
    Monitor,
    NewExecution,
    Outcome,
)
from tests.clock import HOUR, NOON
from tests.store.world import VARIANT, began, era, judge, verdict, window

REFERENCE = {"rmse": 2.0}


def feature(name: str, drift: float | None = 0.1, completeness: float | None = 1.0) -> FeatureResult:
    return FeatureResult(
        name, "Fractional", completeness, None, None, None, None, None, drift, 0.2, Outcome.OK
    )


def check(name: str, outcome: Outcome, kind: Check = Check.DRIFT) -> CheckRow:
    return CheckRow(name, kind, outcome, 0.3, 0.2, "A sentence.")


def data(
    connection: Connection,
    monitor: Monitor,
    deployment: Deployment,
    hours: int = 0,
    new: NewExecution | None = None,
) -> None:
    judge(connection, window(connection, monitor, deployment, NOON + hours * HOUR), new or verdict())


def quality(
    connection: Connection, monitor: Monitor, deployment: Deployment, hours: int, *rows: MetricRow
) -> None:
    judged = window(connection, monitor, deployment, NOON + hours * HOUR)
    judge(connection, judged, verdict(ExecutionKind.MODEL_QUALITY, metrics=rows))


def rmse(value: float, count: int = 100) -> MetricRow:
    return MetricRow("rmse", value, value - 0.2, value + 0.2, count)


def read(
    connection: Connection, monitor: Monitor, deployment: Deployment, limit: int = 10
) -> tuple[WindowReadings, ...]:
    return of_windows(connection, monitor.id, VARIANT, deployment.id, limit, REFERENCE)


FULL = verdict(
    records=90,
    rejected=10,
    features=(feature("length", 0.25, 0.75), feature("height", None, None)),
    checks=(
        check("length", Outcome.VIOLATED),
        check("height", Outcome.OK),
        check("sex", Outcome.NOT_APPLICABLE),
        check("weight", Outcome.INSUFFICIENT_DATA),
        check("length", Outcome.VIOLATED, Check.COMPLETENESS),
        check("height", Outcome.OK, Check.COMPLETENESS),
    ),
)


@pytest.mark.parametrize(
    ("metric", "argument", "value"),
    [
        ("volume", None, 90),
        ("rejected_share", None, 0.1),
        ("drift", "length", 0.25),
        ("drift", "height", None),
        ("drift", "nobody", None),
        ("missing", "length", 0.25),
        ("missing", "height", None),
        ("drifted_features", None, 1),
        ("drifted_features_share", None, 0.5),
        ("violations", None, 2),
        ("violations", "completeness_check", 1),
        ("violations", "data_type_check", 0),
        ("rmse", None, None),
    ],
)
def test_the_data_s_metrics(database: Engine, metric: str, argument: str | None, value: float | None) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment, new=FULL)
        (only,) = read(connection, monitor, deployment)
        assert only.metrics(metric, argument) == (None if value is None else Reading(value))


def colours(share: float) -> bytes:
    """A thousand records, so many of them red."""
    red = round(1000 * share)
    return "\n".join(["answer,color", *["1.5,red"] * red, *["1.5,blue"] * (1000 - red)]).encode()


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_p_value_is_no_distance(database: Engine, share: float) -> None:
    """It is near 1 where nothing has moved, and 0 where all has."""
    expected, suggested = create(colours(0.5), where="base.csv")
    chi_squared = replace(suggested.monitoring, categorical_drift_method=CategoricalDriftMethod.CHISQUARED)
    tested = replace(suggested, monitoring=chi_squared)
    found, _ = create(colours(share), where="now.csv")
    judged = judge_profile(found, expected, tested, Distance.CORRECT)
    with began(database) as (connection, monitor, deployment):
        stored = baselines.add(
            connection,
            monitor.id,
            statistics="{}",
            constraints=constraints.write(tested),
            source="s3://logs/baseline",
            source_digest="digest",
            records=1000,
            features=2,
            now=NOON,
        )
        data(
            connection,
            monitor,
            deployment,
            new=verdict(baseline_id=stored.id, features=judged.features, checks=judged.checks),
        )
        (only,) = read(connection, monitor, deployment)
        assert only.metrics("drift", "color") is None
        assert only.metrics("drift", "answer") is not None
        assert only.metrics("drifted_features", None) == Reading(float(share > 0.5)), "the test has its say"
        deployments.set_models(connection, replace(deployment, baseline_id=stored.id))
        followed = verdict(features=judged.features, checks=judged.checks)
        data(connection, monitor, deployment, hours=1, new=followed)
        assert read(connection, monitor, deployment)[0].metrics("drift", "color") is None, "of a schedule"


def test_every_metric_of_the_vocabulary_can_be_read(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment, new=FULL)
        rows: tuple[MetricRow, ...] = (
            rmse(3.0),
            MetricRow("mae", 1.0, 0.9, 1.1, 50),
            MetricRow("r2", 0.5, 0.4, 0.6, 50),
        )
        told = {row.name for row in rows}
        others = [name for name, metric in METRICS.items() if metric.is_quality and name not in told]
        rows += tuple(MetricRow(name, 0.5, 0.4, 0.6, 50) for name in others)
        quality(connection, monitor, deployment, 0, *rows)
        (only,) = read(connection, monitor, deployment)
        assert all(only.metrics(name, None) for name in METRICS if name not in ("drift", "missing"))
        assert only.metrics("rmse", None) == Reading(3.0, 2.8, 3.2, baseline=2.0)
        assert only.metrics("r2", None) == Reading(0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    "row",
    [
        MetricRow("rmse", 3.0, 2.8, 3.2, FEWEST_LABELLED - 1),
        MetricRow("rmse", 3.0, None, None, 100),
        MetricRow("rmse", None, None, None, 100),
    ],
)
def test_quality_by_too_few_labels_is_not_known(database: Engine, row: MetricRow) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment)
        quality(connection, monitor, deployment, 0, row)
        assert read(connection, monitor, deployment)[0].metrics("rmse", None) is None


def test_the_newest_windows_come_first_and_the_newest_labelled_ones_too(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        for hours in range(8):
            data(connection, monitor, deployment, hours)
        for hours in (0, 1, 2):
            quality(connection, monitor, deployment, hours, rmse(2.0 + hours))
        found = read(connection, monitor, deployment, limit=2)
        assert [each.start for each in found] == [NOON + hours * HOUR for hours in (7, 6, 2, 1)]
        volumes = [each.metrics("volume", None) for each in found]
        assert volumes == [Reading(10.0)] * 4  # a labelled window has its data's metrics too
        values = [each.metrics("rmse", None) for each in found]
        assert [value.value if value else None for value in values] == [None, None, 4.0, 3.0]


def test_a_later_revision_counts_and_the_earlier_does_not(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment, new=verdict(records=10))
        data(connection, monitor, deployment, new=verdict(records=30))
        quality(connection, monitor, deployment, 0, rmse(2.0))
        quality(connection, monitor, deployment, 0, rmse(4.0))
        (only,) = read(connection, monitor, deployment)
        assert only.metrics("volume", None) == Reading(30.0)
        assert only.metrics("rmse", None) == Reading(4.0, 3.8, 4.2, baseline=2.0)


def test_another_era_and_another_variant_have_no_say(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment)
        later = era(connection, monitor, NOON + HOUR, "config-2")
        assert read(connection, monitor, later) == ()
        assert of_windows(connection, monitor.id, "Other", deployment.id, 10, REFERENCE) == ()


def test_a_window_that_could_not_be_judged_measured_nothing(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment, new=verdict(status=ExecutionStatus.FAILED))
        (only,) = read(connection, monitor, deployment)
        assert only.metrics("violations", None) is None


def test_a_window_of_no_records_has_no_shares(database: Engine) -> None:
    with began(database) as (connection, monitor, deployment):
        data(connection, monitor, deployment, new=verdict(records=0))
        (only,) = read(connection, monitor, deployment)
        assert only.metrics("rejected_share", None) is None
        assert only.metrics("drifted_features_share", None) is None
        assert only.metrics("volume", None) == Reading(0.0)

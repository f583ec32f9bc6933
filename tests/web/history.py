"""A believable history of an endpoint, written by the store's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine

from baselines import constraints as constraints_file
from baselines import folder, versions
from baselines import statistics as statistics_file
from baselines.profile.codec import decode, encode
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile, profile_frame
from monitor.distances.robust import robust
from store import captures, deployments, executions, incidents, monitors, reports, rollups, windows
from store.engine import writing
from store.records import (
    Baseline,
    CheckRow,
    ConsumedObject,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    IncidentKind,
    MetricRow,
    Monitor,
    NewExecution,
    ObjectKind,
    Outcome,
    RejectCount,
    RejectExample,
    Segment,
    Window,
)

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 2, 0, tzinfo=UTC)
NUMBERS = (
    "rings",
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
)
TEXTS = ("sex", "boat")
ENDPOINT = "abalone-prod-endpoint"
THRESHOLD = 0.1
ROWS = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What was written, for tests to hold pages against."""

    monitor: Monitor
    baseline: Baseline
    judged: tuple[Execution, ...]
    drift_incident: int
    fault_incident: int
    report: int
    now: datetime


def survey(seed: int, rows: int, shift: float, names: Sequence[str], boats: Sequence[str]) -> pl.DataFrame:
    """Measurements of abalones; `shift` moves the sizes by that many standard deviations."""
    rng = np.random.default_rng(seed)
    size = rng.normal(0.52 + 0.12 * shift, 0.12, rows).clip(0.07, 0.95)
    weight = 3.2 * size**3
    columns = {
        "rings": 4 + 13 * size + rng.normal(0, 1.4, rows),
        "length": size,
        "diameter": 0.8 * size + rng.normal(0, 0.012, rows),
        "height": rng.normal(0.14, 0.035, rows).clip(0.01),
        "whole_weight": weight + rng.normal(0, 0.05, rows).clip(-0.01),
        "shucked_weight": 0.43 * weight + rng.normal(0, 0.04, rows).clip(-0.01),
        "viscera_weight": 0.22 * weight + rng.normal(0, 0.03, rows).clip(-0.01),
        "shell_weight": rng.normal(0.24, 0.1, rows).clip(0.002),
    }
    numbers = {
        name: pl.Series([f"{value:.4f}" for value in column.tolist()])
        for name, column in zip(names, columns.values(), strict=False)
    }
    return pl.DataFrame(
        {
            **numbers,
            names[8]: rng.choice(["M", "F", "I"], rows, p=[0.37, 0.31, 0.32]),
            names[9]: rng.choice(list(boats), rows),
        }
    )


def tell(
    engine: Engine,
    *,
    name: str = ENDPOINT,
    hours: int = 40,
    shifted_from: int = 30,
    names: Sequence[str] = (*NUMBERS, *TEXTS),
    boats: Sequence[str] = ("Anna", "Bosun", "Curlew"),
    detail: str = "",
) -> Told:
    """Two eras of hourly windows, a fault that was mended, a drift that goes on, labels up to hours ago.

    `detail` is appended to sentences that quote what was captured.
    """
    with writing(engine) as connection:
        monitor = monitors.register(connection, name, "c" * 64, BEGIN)
        reference = profile_frame(survey(7, 3000, 0.0, names, boats), text=names[8:10])
        baseline = _baseline(connection, monitor, reference)
        first = deployments.begin(
            connection,
            monitor.id,
            started_at=BEGIN,
            endpoint_config=f"{name}-2026-02",
            model_package="arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3",
            baseline_id=baseline.id,
        )
        for hour in range(hours // 2):
            _consume(connection, monitor, first, hour, 0.0, names, boats)
        second = deployments.begin(
            connection,
            monitor.id,
            started_at=BEGIN + (hours // 2) * HOUR,
            endpoint_config=f"{name}-2026-03",
            model_package="arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/4",
            baseline_id=baseline.id,
        )
        for hour in range(hours // 2, hours):
            shift = 0.9 if hour >= shifted_from else 0.0
            _consume(connection, monitor, second, hour, shift, names, boats)
        judged = [
            _judge(connection, window, baseline, reference, detail)
            for window in windows.due(connection, monitor.id, BEGIN + hours * HOUR)
        ]
        _label(connection, monitor, judged[: hours - 6], shifted_from)
        fault = _fault(connection, monitor, first, judged, names)
        drift = _drift(connection, monitor, second, judged, shifted_from, names, detail)
        report = _report(connection, monitor, hours)
        monitors.counted(connection, monitor.id, 0, 0, BEGIN + hours * HOUR - timedelta(minutes=2))
        now = BEGIN + hours * HOUR + timedelta(minutes=17)
        return Told(monitor, baseline, tuple(judged), drift, fault, report, now)


def _baseline(connection: Connection, monitor: Monitor, reference: Profile) -> Baseline:
    files = folder.BaselineFiles(
        statistics_file.write(reference),
        constraints_file.write(constraints_file.suggest(reference)),
        f"s3://logs/baselining/{monitor.name}",
        "d" * 64,
    )
    return versions.import_files(connection, monitor.id, files, BEGIN)


def _consume(
    connection: Connection,
    monitor: Monitor,
    era: Deployment,
    hour: int,
    shift: float,
    names: Sequence[str],
    boats: Sequence[str],
) -> None:
    start = BEGIN + hour * HOUR
    profile = profile_frame(survey(1000 + hour, ROWS, shift, names, boats), text=names[8:10])
    bad = hour in (9, 10)
    consumed = ConsumedObject(
        kind=ObjectKind.CAPTURE,
        bucket="logs",
        key=f"capture/{monitor.name}/AllTraffic/{start:%Y/%m/%d/%H}/12-00-000-0f{hour:02}.jsonl",
        etag=f"{hour:032x}",
        size=80_000,
        variant="AllTraffic",
        records=ROWS,
        rejected=3 if bad else 0,
    )
    captures.replace(
        connection,
        monitor.id,
        consumed,
        segments_given=[
            Segment(start, start + HOUR, "AllTraffic", era.id, ROWS, start, start + HOUR / 2, encode(profile))
        ],
        rejects_given=_rejects(names[1]) if bad else (),
        now=start + HOUR + timedelta(minutes=1),
    )


def _rejects(column: str) -> tuple[RejectCount, ...]:
    return (
        RejectCount(
            "not_json", 2, (RejectExample(17, None, "the line is cut off at byte 211: write it again"),)
        ),
        RejectCount("not_a_number", 1, (RejectExample(40, column, "a text stands where numbers were"),)),
    )


def _judge(
    connection: Connection, window: Window, baseline: Baseline, reference: Profile, detail: str
) -> Execution:
    (piece,) = rollups.pieces(
        connection, window.monitor_id, window.start, window.variant, window.deployment_id
    )
    windows.compact(connection, window.id, piece.profile, ROWS)
    profile = decode(piece.profile)
    features = tuple(
        _feature(name, profile.column(name), reference.column(name)) for name in reference.columns
    )
    checks = tuple(_check(feature, detail) for feature in features)
    violated = any(check.outcome is Outcome.VIOLATED for check in checks)
    status = ExecutionStatus.COMPLETED_WITH_VIOLATIONS if violated else ExecutionStatus.COMPLETED
    new = NewExecution(
        kind=ExecutionKind.DATA_QUALITY,
        status=status,
        baseline_id=baseline.id,
        distance_mode="correct",
        records=ROWS,
        rejected=piece.rejected,
        message=f"{sum(c.outcome is Outcome.VIOLATED for c in checks)} of {len(checks)} checks were violated",
        config_digest="c" * 64,
        features=features,
        checks=checks,
    )
    return executions.record(connection, window, new, window.end + timedelta(minutes=15))


def _feature(name: str, now: ColumnProfile, base: ColumnProfile) -> FeatureResult:
    drift = robust(_gap(now, base), ROWS, base.num_present)
    return FeatureResult(
        feature=name,
        data_type=now.inferred_type,
        completeness=now.completeness,
        mean=now.moments.mean if now.moments.count else None,
        std_dev=now.std_dev if now.moments.count else None,
        minimum=now.moments.minimum if now.moments.count else None,
        maximum=now.moments.maximum if now.moments.count else None,
        distinct=now.distinct_count,
        drift=drift,
        threshold=THRESHOLD,
        outcome=Outcome.VIOLATED if drift > THRESHOLD else Outcome.OK,
    )


def _gap(now: ColumnProfile, base: ColumnProfile) -> float:
    """The largest difference of the two distributions."""
    if base.categories.counts:
        texts = {*now.categories.counts, *base.categories.counts}
        mine, theirs = now.categories.counts, base.categories.counts
        return max(abs(mine.get(t, 0) / ROWS - theirs.get(t, 0) / base.num_present) for t in texts)
    points = base.sketch.items()[0]
    return float(np.abs(now.sketch.cdf(points) - base.sketch.cdf(points)).max())


def _check(feature: FeatureResult, detail: str) -> CheckRow:
    word = "exceeds" if feature.outcome is Outcome.VIOLATED else "is within"
    return CheckRow(
        feature=feature.feature,
        check="baseline_drift_check",
        outcome=feature.outcome,
        value=feature.drift,
        threshold=feature.threshold,
        detail=f"The distance {feature.drift:.3f} {word} the threshold {feature.threshold}.{detail}",
    )


def _label(connection: Connection, monitor: Monitor, judged: Sequence[Execution], shifted_from: int) -> None:
    for hour, execution in enumerate(judged):
        window = windows.by_id(connection, execution.window_id)
        assert window is not None
        rmse = (3.1 if hour >= shifted_from else 2.1) + 0.1 * np.sin(hour)
        rows = (
            MetricRow("mae", rmse * 0.7, rmse * 0.64, rmse * 0.76, 180),
            MetricRow("r2", 0.55, 0.5, 0.6, 180),
            MetricRow("rmse", rmse, rmse * 0.9, rmse * 1.1, 180),
        )
        new = NewExecution(
            kind=ExecutionKind.MODEL_QUALITY,
            status=ExecutionStatus.COMPLETED,
            baseline_id=None,
            distance_mode="correct",
            records=180,
            rejected=0,
            message="",
            config_digest="c" * 64,
            metrics=rows,
        )
        executions.record(connection, window, new, execution.end + 6 * HOUR)


def _fault(
    connection: Connection,
    monitor: Monitor,
    era: Deployment,
    judged: Sequence[Execution],
    names: Sequence[str],
) -> int:
    opened = incidents.add(
        connection,
        monitor_id=monitor.id,
        deployment_id=era.id,
        variant="AllTraffic",
        kind=IncidentKind.DATA_FAULT,
        window=judged[9].start,
        severity=0.7,
        features=(names[1],),
        summary=f"30 % of {names[1]} are missing",
        execution_id=judged[9].id,
        now=judged[9].judged_at,
    )
    incidents.close(
        connection,
        opened,
        reason="two windows in a row are complete again",
        execution_id=judged[12].id,
        now=judged[12].judged_at,
    )
    return opened.id


def _drift(
    connection: Connection,
    monitor: Monitor,
    era: Deployment,
    judged: Sequence[Execution],
    shifted_from: int,
    names: Sequence[str],
    detail: str,
) -> int:
    first = judged[shifted_from]
    opened = incidents.add(
        connection,
        monitor_id=monitor.id,
        deployment_id=era.id,
        variant="AllTraffic",
        kind=IncidentKind.DRIFT,
        window=first.start,
        severity=0.2,
        execution_id=first.id,
        now=first.judged_at,
        features=(names[1], names[2], names[4]),
        summary=f"{names[1]} and 2 others moved away from the baseline{detail}",
    )
    for execution in judged[shifted_from + 1 : shifted_from + 3]:
        known = incidents.by_id(connection, opened.id)
        assert known is not None
        incidents.worsen(
            connection,
            known,
            window=execution.start,
            severity=0.24,
            execution_id=execution.id,
            now=execution.judged_at,
            features=opened.features,
            summary=opened.summary,
        )
    return opened.id


def _report(connection: Connection, monitor: Monitor, hours: int) -> int:
    reports.add(
        connection,
        monitor.id,
        start=BEGIN,
        end=BEGIN + hours * HOUR,
        uri=f"s3://logs/reports/{monitor.name}.html",
        note="with Evidently, on 4000 sampled rows",
        now=BEGIN + hours * HOUR,
    )
    return reports.listed(connection, monitor.id)[0].id


def judge_again(engine: Engine, told: Told, at: int = -1) -> Execution:
    """A second revision of a window, with one record more."""
    execution = told.judged[at]
    with writing(engine) as connection:
        window = windows.by_id(connection, execution.window_id)
        assert window is not None
        return executions.record(
            connection,
            window,
            NewExecution(
                kind=ExecutionKind.DATA_QUALITY,
                status=execution.status,
                baseline_id=told.baseline.id,
                distance_mode="correct",
                records=ROWS + 1,
                rejected=0,
                message="a late object was counted",
                config_digest="c" * 64,
                features=executions.features(connection, execution.id),
                checks=executions.checks(connection, execution.id),
            ),
            execution.judged_at + HOUR,
        )

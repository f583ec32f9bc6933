"""The first windows of a new model, and the last of the champion, out of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from baselines.checks.names import Check
from baselines.constraints import Constraints, DistanceMethod
from config.metrics import DRIFT_CHECK
from monitor.capture.schema import SchemaError, schema_of
from retrain import early_signs, lost_inputs
from retrain.bench import Bench
from retrain.early_signs import Seen
from retrain.handed import is_scored
from retrain.training_run import outputs
from store import executions, monitors
from store import windows as stored_windows
from store.engine import reading
from store.records import CheckRow, Deployment, Execution, ExecutionKind, FeatureResult, Outcome
from store.retraining import Run

_UNCORRECTED = 1000
"""The distance `Simple` has chance in it, which of so many records is no more than 0.06."""
_WEEK = timedelta(days=7)
_TIMES = 4
"""So many times the windows that count are looked at, of either model: in some little may be measured."""


def sign(run: Run, bench: Bench, *, labelled: bool) -> str | None:
    """Why the run's new model fails, by its first windows alone, in a sentence; None where it does not.

    Where its `labelled` records have said that it is good, its predictions are not asked any more; nor where
    nobody knows what it predicted before.
    """
    watch = bench.retrain.watch
    with reading(bench.world.engine) as connection:
        judged = _judged(connection, run, bench)
        since = _seen(connection, judged, bench, run.new_deployment_id or 0)
        found = _silence(connection, run, bench)
    if early_signs.errors(watch, since, ()):
        since = _of_sound_inputs(bench, judged, since)
        with reading(bench.world.engine) as connection:
            champion = _listed(connection, run, _TIMES * watch.windows)
            before = _seen(connection, champion, bench, run.deployment_id)
        found = early_signs.errors(watch, since, before) or found
    if found or labelled or not _left_answers(run):
        return found
    return early_signs.predictions(watch, since)


def _left_answers(run: Run) -> bool:
    """Whether the new baseline is of the new model's own answers: a workflow may have left none."""
    return is_scored(run) or bool(outputs(run).get("baseline_data"))


def _of_sound_inputs(bench: Bench, judged: Sequence[Execution], since: Sequence[Seen]) -> tuple[Seen, ...]:
    """The windows that count without the records that were lost for their inputs, whatever the model does."""
    return tuple(
        replace(seen, rejected=max(0, seen.rejected - _lost_inputs(bench, window)))
        if seen.rejected and at < bench.retrain.watch.windows
        else seen
        for at, (window, seen) in enumerate(zip(judged, since, strict=True))
    )


def _lost_inputs(bench: Bench, window: Execution) -> int:
    """How many of a window's records were lost for their inputs; asked once of each revision of it."""
    schema = bench.schema(bench.era(window.deployment_id))
    with reading(bench.world.engine) as connection:
        keys = lost_inputs.keys_of(connection, window)
    found = bench.effects.once(
        f"lost_inputs_{window.id}",
        lambda: {"keys": keys},
        lambda request: {"lost": lost_inputs.count(bench, schema, window, request["keys"])},
    )
    return int(found["lost"])


def are_over(run: Run, bench: Bench) -> bool:
    """Whether the first windows are judged, and so many that lie wholly after the rollout are all counted."""
    first, last = _whole(run, bench)
    with reading(bench.world.engine) as connection:
        judged = len(_judged(connection, run, bench))
        is_counted = _is_counted(connection, run, bench, first, last)
    return judged >= bench.retrain.watch.windows and bench.now - bench.endpoint.grace >= last and is_counted


def _judged(connection: Connection, run: Run, bench: Bench) -> tuple[Execution, ...]:
    """The new era's windows, oldest first; those in which the earlier model answered too are left out."""
    era = bench.era(run.new_deployment_id or 0)
    before = unmixed_since(era, bench.endpoint.window) - timedelta.resolution
    limit = _TIMES * bench.retrain.watch.windows
    return executions.after(connection, run.monitor_id, run.variant, era.id, before, limit)


def unmixed_since(era: Deployment, length: timedelta) -> datetime:
    """From when on those of an era's windows begin in which one model alone answered."""
    mixed = era.mixed_until
    return mixed if mixed is not None and mixed > era.started_at else era.started_at - length


def _listed(connection: Connection, run: Run, limit: int) -> tuple[Execution, ...]:
    """The champion's newest windows."""
    kind = ExecutionKind.DATA_QUALITY
    return executions.recent(connection, run.monitor_id, kind, run.variant, run.deployment_id, limit)


def _seen(
    connection: Connection, windows: Sequence[Execution], bench: Bench, deployment_id: int
) -> tuple[Seen, ...]:
    if not windows:
        return ()
    ids = [execution.id for execution in windows]
    features, checks = executions.features_of(connection, ids), executions.checks_of(connection, ids)
    baseline = bench.baseline(bench.era(deployment_id))
    constraints = baseline.constraints
    try:
        inputs = schema_of(bench.endpoint, constraints).inputs
    except SchemaError:
        return ()  # whoever observes tells it; what of a window are inputs nobody can say

    def seen(execution: Execution) -> Seen:
        found = _of_window(
            execution,
            {each.feature: each for each in features.get(execution.id, ())},
            checks.get(execution.id, ()),
            inputs,
            bench.endpoint.answer or "",
            constraints,
        )
        # what its owner deployed may have been judged by the champion's baseline at first
        is_its_own = execution.baseline_version == baseline.baseline.version
        return found if is_its_own else replace(found, predictions=None)

    return tuple(map(seen, windows))


def _of_window(
    execution: Execution,
    features: Mapping[str, FeatureResult],
    checks: Sequence[CheckRow],
    inputs: Sequence[str],
    label: str,
    constraints: Constraints,
) -> Seen:
    answer = features.get(label)
    typed = next((row.value for row in checks if (row.feature, row.check) == (label, Check.DATA_TYPE)), None)
    answered = 1.0 if answer is None or answer.completeness is None else answer.completeness
    drift = {row.feature: row for row in checks if row.check == DRIFT_CHECK}
    compared = {name: row.outcome for name, row in drift.items() if row.outcome.is_compared}
    return Seen(
        records=execution.records,
        rejected=execution.rejected,
        unanswered=1.0 - answered * (1.0 if typed is None else typed),
        predictions=_distance(drift.get(label), constraints, execution.records),
        inputs_drifted=tuple(name for name in inputs if compared.get(name) is Outcome.VIOLATED),
        inputs_unknown=tuple(name for name in inputs if name not in compared),
    )


def _distance(row: CheckRow | None, constraints: Constraints, records: int) -> float | None:
    """The distance beyond chance; None where it was not measured, or is no distance."""
    if row is None or not row.outcome.is_compared or row.value is None:
        return None
    if row.feature in constraints.tested:
        return None
    is_robust = constraints.config_for(row.feature).comparison_method is DistanceMethod.ROBUST
    return row.value if is_robust or records >= _UNCORRECTED else None


def _silence(connection: Connection, run: Run, bench: Bench) -> str | None:
    length = bench.endpoint.window
    first, last = _whole(run, bench)
    count = bench.retrain.watch.windows
    if bench.now - bench.endpoint.grace < last or not _is_counted(connection, run, bench, first, last):
        return None  # too early to say, however late Kedge may be
    new = executions.after(
        connection,
        run.monitor_id,
        run.variant,
        run.new_deployment_id or 0,
        first - timedelta.resolution,
        count,
    )
    # in the window before these two models answered
    old = executions.volumes(
        connection, run.monitor_id, run.variant, run.deployment_id, first - length, _WEEK // length
    )
    began = max(min(old, default=first), first - _WEEK)
    return early_signs.silence(
        bench.retrain.watch,
        _counts({each.start: each.records + each.rejected for each in new}, first, last, length),
        _counts(old, began, first - length, length),
        length,
    )


def _is_counted(connection: Connection, run: Run, bench: Bench, first: datetime, last: datetime) -> bool:
    """Whether all that came of these windows by the end of their grace is counted and judged.

    A run does not wait for its endpoint's turn, which may come after it, or only when Kedge is back.
    """
    monitor = monitors.by_name(connection, bench.endpoint.name)
    if monitor is None or monitor.counted_since is None or monitor.counted_until is None:
        return False
    if monitor.waiting_objects or monitor.problem:
        return False
    if monitor.counted_since > first or monitor.counted_until < last + bench.endpoint.grace:
        return False
    new = run.new_deployment_id or 0
    return not stored_windows.is_unjudged(connection, run.monitor_id, run.variant, new, first, last)


def _whole(run: Run, bench: Bench) -> tuple[datetime, datetime]:
    """Where the first windows that lie wholly after the rollout begin, and where they end."""
    length = bench.endpoint.window
    first = _next_start(bench.era(run.new_deployment_id or 0).started_at, length)
    return first, first + bench.retrain.watch.windows * length


def _next_start(at: datetime, length: timedelta) -> datetime:
    """Where the first window that lies wholly after a moment begins; lengths divide a day."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + -(-(at - day) // length) * length


def _counts(
    came: Mapping[datetime, int], start: datetime, end: datetime, length: timedelta
) -> tuple[int, ...]:
    """What came in each window between these two, 0 where nothing did."""
    return tuple(came.get(start + at * length, 0) for at in range((end - start) // length))

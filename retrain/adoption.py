"""deployed → adopted | rolled_back: the first labelled windows say whether the new model stays."""

from __future__ import annotations

from retrain import rollout, watching
from retrain.bench import Bench, RunFailedError
from retrain.judging import FRESH, metrics_of
from retrain.watching import Look
from store import executions, runs
from store.engine import reading
from store.records import ExecutionKind, MetricRow
from store.retraining import Helped, Run, RunReason, RunState, Trial


def watch(run: Run, bench: Bench) -> Run | None:
    """Look at the new era's labelled windows; when they are worse, go back to the earlier config."""
    if run.reason is RunReason.FIRST_WINDOWS_WORSE:
        return _undo(run, bench)
    if bench.policy is None:
        told = f"{bench.without_policy} Whether it helped is not known."
        return bench.move(run, RunState.ADOPTED, RunReason.CANCELLED_BY_HAND, told, helped=Helped.UNKNOWN)
    with reading(bench.world.engine) as connection:
        tried = [trial for trial in runs.trials_of(connection, run.id) if trial.dataset == FRESH]
    # `accept` may ask for another metric by now than the run was judged by
    wanted = metrics_of(bench.retrain.accept)[0]
    before = next((trial for trial in tried if trial.metric == wanted), tried[0] if tried else None)
    if before is None:
        raise RunFailedError(RunReason.NO_LABELS, "There is no comparison to hold the first windows against.")
    windows = _windows(run, bench, before)
    watch, fewest = bench.retrain.watch, bench.retrain.training.judging
    found, told = watching.look(before, windows, watch, fewest)
    latest = bench.eras()[-1].endpoint_config
    if latest != run.new_endpoint_config and found is not Look.GOOD:
        return _replaced(run, bench, f"The endpoint was set to {latest} meanwhile", found, told)
    if found is Look.WAITING:
        return _wait(run, bench, told)
    if found is Look.WORSE:
        return bench.move(run, run.state, RunReason.FIRST_WINDOWS_WORSE, told)
    helped, why = watching.helped(before, windows, watch, fewest)
    return bench.move(run, RunState.ADOPTED, RunReason.FIRST_WINDOWS_GOOD, f"{told} {why}", helped=helped)


def _windows(run: Run, bench: Bench, before: Trial) -> tuple[MetricRow, ...]:
    with reading(bench.world.engine) as connection:
        judged = executions.latest(connection, run.monitor_id, ExecutionKind.MODEL_QUALITY)
        mine = sorted(
            (e for e in judged if e.deployment_id == run.new_deployment_id and e.variant == run.variant),
            key=lambda execution: execution.start,
        )
        rows = [row for e in mine for row in executions.metric_rows(connection, e.id)]
    return tuple(row for row in rows if row.name == before.metric and row.value is not None)


def _replaced(run: Run, bench: Bench, why: str, found: Look, told: str) -> Run:
    """The new model is not in force any more: no more windows come, and there is nothing to go back from."""
    helped = Helped.NOT if found is Look.WORSE else Helped.UNKNOWN
    words = f"{why}. {told}" if found is Look.WORSE else f"{why}: whether it helped is not known."
    return bench.move(run, RunState.ADOPTED, RunReason.OVERTAKEN, words, helped=helped)


def _wait(run: Run, bench: Bench, short: str) -> Run | None:
    if bench.now <= run.updated_at + bench.endpoint.label_horizon:
        return None
    told = f"The labels of its first windows did not come in time: whether it helped is not known. {short}"
    return bench.move(run, RunState.ADOPTED, RunReason.NO_LABELS, told, helped=Helped.UNKNOWN)


def _undo(run: Run, bench: Bench) -> Run | None:
    """Back to the earlier config; its era begins again, with the baseline it had."""
    told = run.told
    old = run.old_endpoint_config or ""
    sagemaker = bench.world.sagemaker()

    bench.effects.once(
        "roll_back",
        lambda: {"config": old},
        lambda request: rollout.roll_back(
            sagemaker, bench.endpoint.name, request["config"], new_config=run.new_endpoint_config or ""
        ),
    )
    found = rollout.state(sagemaker, bench.endpoint.name)
    if isinstance(found, rollout.Updating):
        return None
    is_stale = isinstance(found, rollout.InService) and found.config == run.new_endpoint_config
    if is_stale and bench.effects.answered_within("roll_back", rollout.SETTLING):
        return None
    if isinstance(found, rollout.Failed) or found.config != old:
        raise RunFailedError(
            RunReason.ROLLOUT_FAILED,
            f"The endpoint did not go back to {old}: see to it in SageMaker. {told}",
        )
    champion = bench.era(run.deployment_id)
    with bench.lease.transaction() as connection:
        bench.begin_era(connection, run, found, champion.model_package, champion.baseline_id)
        return runs.move(
            connection,
            run,
            RunState.ROLLED_BACK,
            RunReason.FIRST_WINDOWS_WORSE,
            told,
            bench.now,
            helped=Helped.NOT,
        )

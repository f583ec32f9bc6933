"""deployed → adopted | rolled_back: the first windows say, with labels or without, whether it stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from baselines.quality.problem import QualityError
from config.metrics import FRESH, check_metric, check_probability
from config.model import Endpoint
from config.rollout import SETTLING
from retrain import early_readings, ends, parameters, rollout, watching
from retrain.bench import Bench, RunFailedError
from retrain.handed import is_scored
from retrain.judging import JudgingError, metrics_of
from retrain.realised import realised
from retrain.watching import Look
from store import runs
from store.engine import reading
from store.retraining import Helped, Run, RunReason, RunState, Trial

_UNSEEN = timedelta(days=1)
"""So long a way back is asked about that may have been sent, where AWS refuses to say how it goes."""
_NOT_PUT_BACK = "The parameters that name it could not be put back: set them by hand."
_IS_BACK = "back"
"""Among the run's effects once the endpoint is on its earlier config, in the transaction of that era."""
_IS_REPLACED = "replaced"
"""Among the run's effects since its owner was first seen to have gone back by hand."""
REALISED = "realised"
"""The name of labelled windows as a data set."""


def watch(run: Run, bench: Bench) -> Run | None:
    """Look at the new era's windows; when they are worse, or show that it fails, go back.

    Labels have the last word on predictions: where they say that the model is good, it is.
    """
    if run.reason is RunReason.FIRST_WINDOWS_WORSE:
        return _undo(run, bench)
    if run.reason is RunReason.ROLLOUT_FAILED:
        return _disown(run, bench)
    parameters.attempted(parameters.publish, run, bench)
    if bench.policy is None:
        told = f"{bench.without_policy} Whether it helped is not known."
        return bench.move(run, RunState.ADOPTED, RunReason.CANCELLED_BY_HAND, told, helped=Helped.UNKNOWN)
    with reading(bench.world.engine) as connection:
        tried = [trial for trial in runs.trials_of(connection, run.id) if trial.dataset == FRESH]
    if not tried and is_scored(run):
        raise RunFailedError(RunReason.NO_LABELS, "There is no comparison to hold the first windows against.")
    wanted = metrics_of(bench.retrain.accept)[0]
    before = _compared(tried, wanted, bench.endpoint)
    try:
        before = before or _realised(run, bench, wanted)
        if before is None:
            return _watch_alone(run, bench)
        pooled = realised(run, bench, before.metric, run.new_deployment_id)
        fewest = bench.retrain.training.judging
        found, told = watching.look(before, pooled, bench.retrain.watch.windows, fewest)
        helped, why = watching.helped(before, pooled)
    except (QualityError, JudgingError) as error:
        found, told = Look.WAITING, f"What its first windows show can't be told: {error}."
        helped, why = Helped.UNKNOWN, ""
    latest = bench.eras()[-1].endpoint_config
    if latest != run.new_endpoint_config and found is not Look.GOOD:
        return _replaced(run, bench, f"The endpoint was set to {latest} meanwhile", found, told)
    is_ours = latest == run.new_endpoint_config
    sign = early_readings.sign(run, bench, labelled=found is not Look.WAITING) if is_ours else None
    if sign is not None:
        return bench.move(run, run.state, RunReason.FIRST_WINDOWS_WORSE, sign)
    if found is Look.WAITING:
        return _wait(run, bench, told)
    if found is Look.WORSE:
        return bench.move(run, run.state, RunReason.FIRST_WINDOWS_WORSE, told)
    return _adopt(run, bench, RunReason.FIRST_WINDOWS_GOOD, f"{told} {why}", helped)


def _compared(tried: Sequence[Trial], wanted: str, endpoint: Endpoint) -> Trial | None:
    """The comparison that the first windows are held against: by the metric that decides, or else another.

    kedge.yaml may name another metric by now than the run was judged by, or another kind of model.
    """
    told = {
        trial.metric: trial
        for trial in reversed(tried)
        if check_metric(trial.metric, endpoint.problem) is None
        and (endpoint.probability is not None or check_probability(trial.metric) is None)
    }
    return told.get(wanted, next(reversed(told.values()), None))


def _adopt(run: Run, bench: Bench, reason: RunReason, told: str, helped: Helped) -> Run | None:
    """The new model stays; the run does not end while the parameters that are to name it may be written."""
    if parameters.are_due(bench) and bench.now <= run.updated_at + parameters.PATIENCE:
        return None
    return bench.move(run, RunState.ADOPTED, reason, told, helped=helped)


def _watch_alone(run: Run, bench: Bench) -> Run | None:
    """Look at the first windows where nothing labelled is there to hold theirs against."""
    latest = bench.eras()[-1].endpoint_config
    if latest != run.new_endpoint_config:
        return _replaced(run, bench, f"The endpoint was set to {latest} meanwhile", Look.WAITING, "")
    sign = early_readings.sign(run, bench, labelled=False)
    if sign is not None:
        return bench.move(run, run.state, RunReason.FIRST_WINDOWS_WORSE, sign)
    if not early_readings.are_over(run, bench) and bench.now <= run.updated_at + bench.endpoint.label_horizon:
        return None
    told = (
        f"The champion had no {bench.retrain.training.judging} labelled records to hold the first windows "
        "against, and these show no errors, silence or other predictions: whether it helped is not known."
    )
    return _adopt(run, bench, RunReason.NO_LABELS, told, Helped.UNKNOWN)


def _realised(run: Run, bench: Bench, metric: str) -> Trial | None:
    """What the champion did in its last labelled windows, where it was not measured beside the challenger.

    Of these count what would count of the challenger's; None where they have fewer labelled records.
    """
    pooled = realised(run, bench, metric, run.deployment_id, newest_first=True)
    if pooled is None or not pooled.says_something(bench.retrain.training.judging):
        return None
    value = pooled.value
    return Trial(REALISED, metric, value, value, 0.0, pooled.low - value, pooled.high - value, pooled.count)


def _replaced(run: Run, bench: Bench, why: str, found: Look, told: str) -> Run | None:
    """The new model is not in force any more: no more windows come, and there is nothing to go back from.

    Where its owner has gone back by hand nothing else names it: its parameters, and, was it shown to be
    worse, the registry.
    """
    helped = Helped.NOT if found is Look.WORSE else Helped.UNKNOWN
    words = f"{why}. {told}" if found is Look.WORSE else f"{why}: whether it helped is not known."
    if bench.eras()[-1].endpoint_config == run.old_endpoint_config:
        words = ends.rejected(run, bench, words, words) if found is Look.WORSE else words
        if not bench.effects.is_answered(_IS_REPLACED):
            # the run itself was last moved when it was deployed, which may be longer ago than a day
            with bench.lease.transaction() as connection:
                bench.effects.note(connection, _IS_REPLACED)
        is_put_back = parameters.attempted(parameters.put_back, run, bench)
        if not is_put_back and bench.effects.answered_within(_IS_REPLACED, parameters.PATIENCE):
            return None
        words = words if is_put_back else f"{words} {_NOT_PUT_BACK}"
    return bench.move(run, RunState.ADOPTED, RunReason.OVERTAKEN, words, helped=helped)


def _wait(run: Run, bench: Bench, short: str) -> Run | None:
    if bench.now <= run.updated_at + bench.endpoint.label_horizon:
        return None
    told = f"The labels of its first windows did not come in time: whether it helped is not known. {short}"
    return _adopt(run, bench, RunReason.NO_LABELS, told, Helped.UNKNOWN)


def _undo(run: Run, bench: Bench) -> Run | None:
    """Back to the earlier config; its era begins again, with the baseline it had."""
    told = run.told
    if not bench.effects.is_answered(_IS_BACK):
        try:
            found = _back(run, bench)
        except rollout.RolloutError as error:
            if error.retryable:
                raise
            if isinstance(error, rollout.UnseenError) and bench.now <= run.updated_at + _UNSEEN:
                raise error.while_it_goes_on() from error
            refused = f"{told} The endpoint could not be set back: {error}"
            return bench.move(run, run.state, RunReason.ROLLOUT_FAILED, refused)
        if found is None:
            return None
        champion = bench.era(run.deployment_id)
        with bench.lease.transaction() as connection:
            bench.begin_era(connection, run, found, champion.model_package, champion.baseline_id)
            bench.effects.note(connection, _IS_BACK)
    words = f"Rolled back to endpoint config {run.old_endpoint_config}. {told}"
    told = ends.rejected(run, bench, told, words)
    is_put_back = parameters.attempted(parameters.put_back, run, bench)
    if not is_put_back and bench.effects.answered_within("roll_back", parameters.PATIENCE):
        return None
    told = told if is_put_back else f"{told} {_NOT_PUT_BACK}"
    return bench.move(run, RunState.ROLLED_BACK, RunReason.FIRST_WINDOWS_WORSE, told, helped=Helped.NOT)


def _disown(run: Run, bench: Bench) -> Run | None:
    """The endpoint can't be set back, which people have to see to; nothing else names the model any more."""
    told = ends.rejected(run, bench, run.told, run.told)
    is_put_back = parameters.attempted(parameters.put_back, run, bench)
    if not is_put_back and bench.now <= run.updated_at + parameters.PATIENCE:
        return None
    told = told if is_put_back else f"{told} {_NOT_PUT_BACK}"
    return bench.move(run, RunState.FAILED, RunReason.ROLLOUT_FAILED, told, helped=Helped.NOT)


def _back(run: Run, bench: Bench) -> rollout.InService | None:
    """The endpoint on the earlier config; None while it is on its way there.

    Raises:
        RolloutError: where AWS refuses, or the endpoint is elsewhere when it should be there.
    """
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
    if is_stale and bench.effects.answered_within("roll_back", SETTLING):
        return None
    if isinstance(found, rollout.Failed) or found.config != old:
        where = found.reason if isinstance(found, rollout.Failed) else f"it is on {found.config}"
        told = f"endpoint {bench.endpoint.name} did not go back to {old} ({where}): see to it in SageMaker"
        raise rollout.RolloutError(told, False)
    return found

"""Moving runs: one step at a time under a lease, each in a transaction, from wherever they were left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import structlog

from baselines.constraints import ConstraintsError
from baselines.datasets import DatasetError
from baselines.folder import BaselineError
from baselines.quality.problem import QualityError
from baselines.statistics import StatisticsError
from config.model import Endpoint
from config.training import Training
from monitor.capture.schema import SchemaError
from objects import PlaceError, PlaceProblem
from retrain import adoption, ends, few_labels, in_force, release, training_run, trial_run, unwatched
from retrain.aws_calls import CallError
from retrain.bench import Bench, RunFailedError, World
from retrain.ends import End
from retrain.evaluation import EvaluationError
from retrain.tables import TableError
from retrain.targets.base import ElsewhereError, TargetError
from store import monitors, runs
from store.engine import StoreError, reading
from store.lease import StoppingError, leased
from store.monitors import LeaseLostError
from store.retraining import Run, RunReason, RunState

log = structlog.get_logger(__name__)

Step = Callable[[Run, Bench], Run | None]

STEPS: Mapping[RunState, Step] = {
    RunState.REQUESTED: training_run.begin,
    RunState.STARTED: training_run.follow,
    RunState.TRAINED: trial_run.judge,
    RunState.WAITING: trial_run.judge,
    RunState.WON: release.register,
    RunState.REGISTERED: release.decide_approval,
    RunState.APPROVED: release.deploy,
    RunState.DEPLOYED: adoption.watch,
}
_RESTING = frozenset({RunState.REGISTERED, RunState.DEPLOYED})
"""Where a run waits for people or for labels: nobody knows since when something does not answer."""
_TO_CANCEL = timedelta(minutes=1)
"""The machine that a run is on has so long to end it."""
_BEFORE_ROLLOUT = frozenset(STEPS) - {RunState.DEPLOYED}
_DEPLOYABLE = frozenset({RunState.REGISTERED, RunState.APPROVED})
"""Where its owner may have deployed a version himself."""
_STARTING = frozenset({"start"})
_NO_ACCESS = frozenset({PlaceProblem.DENIED, PlaceProblem.BAD_URI, PlaceProblem.NO_BUCKET})
"""What does not pass by itself."""
_BROKEN = (
    BaselineError,
    StatisticsError,
    ConstraintsError,
    SchemaError,
    DatasetError,
    TableError,
    QualityError,
    EvaluationError,
)


def advance(world: World, endpoints: Mapping[str, Endpoint]) -> int:
    """Take every run that is under way as far as it goes now; returns how many steps were made."""
    with reading(world.engine) as connection:
        waiting = runs.under_way(connection)
        names = {monitor.id: monitor.name for monitor in monitors.watched(connection)} if waiting else {}
        left = unwatched.left(connection, waiting, endpoints)
    made = 0
    for run in waiting:
        endpoint = endpoints.get(names.get(run.monitor_id, ""))
        if endpoint is not None:
            made += _advance(world, run, endpoint)
        elif run.id in left:
            made += _advance(world, run, left[run.id], is_gone=True)
    return made


def _advance(world: World, run: Run, endpoint: Endpoint, *, is_gone: bool = False) -> int:
    with leased(world.engine, runs, run.id, world.replica, world.lease, world.stopping) as lease:
        if lease is None:
            return 0
        bench = Bench(world, endpoint, endpoint.retrain, lease, world.clock.now(), is_gone)
        made = 0
        try:
            while (moved := _step(bench)) is not None:
                made += 1
                log.info("run_moved", run=moved.name, state=moved.state, reason=moved.reason)
                if moved.state.is_end:
                    break
        except LeaseLostError as error:
            log.warning("lease_lost", run=run.name, reason=str(error))
        except StoppingError:
            log.info("run_rests", run=run.name)
        except StoreError:
            raise
        except Exception:
            # how a run ends may be what crashes: it is tried again next round, and the others go on
            log.exception("run_crashed", run=run.name)
        return made


def _step(bench: Bench) -> Run | None:
    """One step from the state on record, or None where the run has to wait."""
    with reading(bench.world.engine) as connection:
        run = runs.by_id(connection, bench.lease.key)
    if run is None or run.state.is_end:
        return None
    try:
        if (end := ends.begun(bench)) is not None:
            return _end(run, bench, end)
        if bench.is_gone and run.state in _BEFORE_ROLLOUT and not bench.effects.is_intended("update"):
            return _end(run, bench, unwatched.abandoned(run, bench))
        if run.approval == "cancel" and run.state in _BEFORE_ROLLOUT and _may_end(run, bench):
            return _cancel(run, bench, "Cancelled by hand.")
        if run.approval == few_labels.GO_ON:
            return few_labels.go_on(run, bench)
        if bench.policy is None and run.state in _BEFORE_ROLLOUT and _may_end(run, bench, _STARTING):
            return _cancel(run, bench, bench.without_policy)
        if run.state in _BEFORE_ROLLOUT and _may_end(run, bench) and (told := release.overtaken(run, bench)):
            return _let_go(run, bench, End(RunState.FAILED, RunReason.OVERTAKEN, told))
        return STEPS[run.state](run, bench)
    except RunFailedError as error:
        return _fail(run, bench, error.reason, str(error), error)
    except ElsewhereError as error:
        return _leave(run, bench, str(error))
    except (TargetError, CallError) as error:
        if not error.retryable:
            return _give_up(run, bench, _blamed(run), str(error))
        return _wait(run, bench, str(error))
    except PlaceError as error:
        if error.kind in _NO_ACCESS:
            return _give_up(run, bench, RunReason.NO_ACCESS, str(error))
        return _wait(run, bench, str(error))
    except _BROKEN as error:
        return _fail(run, bench, RunReason.BAD_TRAINING_SET, str(error))
    except (LeaseLostError, StoppingError, StoreError):
        raise
    except Exception as error:
        # it may pass, and the other runs must not wait for it
        log.exception("run_crashed", run=run.name)
        told = f"Kedge failed on this run ({type(error).__name__}): the log says where; please report it."
        return _wait(run, bench, told)


def _blamed(run: Run) -> RunReason:
    early = run.state in (RunState.REQUESTED, RunState.STARTED)
    return RunReason.TARGET_FAILED if early else RunReason.ROLLOUT_FAILED


def _give_up(run: Run, bench: Bench, reason: RunReason, told: str) -> Run | None:
    """End a run as failed by what did not answer as it should: it may still train."""
    try:
        told = training_run.given_up(run, bench, told)
    except (LeaseLostError, StoppingError, StoreError):
        raise
    except Exception:  # Kedge's own fault must not keep the run, nor the others that wait behind it
        log.exception("stop_crashed", run=run.name)
        told = f"{told} It may still train: look for {run.name} where it trains, and stop it there."
    return _fail(run, bench, reason, told)


def _fail(
    run: Run, bench: Bench, reason: RunReason, told: str, error: RunFailedError | None = None
) -> Run | None:
    """End a run as failed; what is registered of it is rejected before, unless it may answer by now."""
    is_undeployed = error is not None and error.undeployed
    # until the update the endpoint is as it was
    is_out = run.state is RunState.DEPLOYED or bench.effects.is_intended("update")
    if is_out and not is_undeployed and ends.begun(bench) is None:
        return bench.move(run, RunState.FAILED, reason, told)
    return _end(run, bench, End(RunState.FAILED, reason, told), error)


def _end(run: Run, bench: Bench, end: End, error: RunFailedError | None = None) -> Run | None:
    """End a run, its version rejected: as was written down first, whatever has come of it since.

    A registry that does not answer is waited for, as long as anything is; one that refuses is told. What its
    owner has deployed himself is not rejected.
    """
    begun = ends.begun(bench)
    end = begun or end
    is_to_be_asked = begun is None and run.state in _DEPLOYABLE and not (error and error.undeployed)
    try:
        if is_to_be_asked and in_force.challenger(run, bench) is not None:
            told = f"{end.told} Its version serves the endpoint, and is not rejected."
        else:
            registered = error.registered if error else None
            told = ends.rejected(run, bench, end.told, end.told, end, registered)
    except CallError as refused:
        if _may_wait(run, bench):
            return _wait(run, bench, f"{end.told} Its version is to be rejected: {refused}")
        told = ends.not_rejected(end.told, refused)
    return bench.move(run, end.state, end.reason, told)


def _wait(run: Run, bench: Bench, told: str) -> Run | None:
    """What does not answer may answer later; not for ever, but where a run may rest for any time."""
    log.warning("run_waits", run=run.name, reason=told)
    if _may_wait(run, bench):
        bench.tell_waiting(run, told)
        return None
    return _give_up(run, bench, RunReason.OUT_OF_TIME, told)


def _may_wait(run: Run, bench: Bench) -> bool:
    training = bench.policy.training if bench.policy else Training()
    last = max(run.deadline, run.updated_at + training.wait) + training.time_limit
    return bench.now <= last or run.state in _RESTING or run.reason is RunReason.ASKING


def _leave(run: Run, bench: Bench, told: str) -> Run | None:
    """Another machine's replica sees to the run; it may be gone, and what it was to do be past its time."""
    if run.approval == "cancel" and run.reason is not RunReason.CANCELLED_BY_HAND:
        told = "To be cancelled by the machine that it is on."
        return bench.move(run, run.state, RunReason.CANCELLED_BY_HAND, told)
    if run.approval == "cancel" and bench.now > run.updated_at + _TO_CANCEL:
        told = "Cancelled by hand; the machine that it was on did not answer."
        return bench.move(run, RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told)
    training = bench.policy.training if bench.policy else Training()
    last = max(run.deadline, run.updated_at + training.time_limit) + _TO_CANCEL
    if bench.now <= last:
        return None
    return bench.move(
        run, RunState.TIMED_OUT, RunReason.OUT_OF_TIME, f"Training did not end in time: {told}."
    )


def _may_end(run: Run, bench: Bench, besides: Collection[str] = ()) -> bool:
    """Whether nothing stands in the way: a call that may have been made, and a rollout, are seen through.

    `besides` are calls which whoever ends the run sees through.
    """
    with reading(bench.world.engine) as connection:
        calls = runs.all_effects(connection, run.id)
    let_be = ("decline", "look", *besides)  # what was only to be looked at need not be seen any more
    pending = any(call.answer is None and call.name not in let_be for call in calls)
    return not pending and not any(call.name == "plan" for call in calls)


def _cancel(run: Run, bench: Bench, told: str) -> Run | None:
    return _let_go(run, bench, End(RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told))


def _let_go(run: Run, bench: Bench, end: End) -> Run | None:
    """Stop what trains, reject what is registered, and end the run."""
    if run.state in (RunState.REQUESTED, RunState.STARTED) and bench.effects.is_intended("start"):
        training_run.stop(run, bench, end.told)
    return _end(run, bench, end)

"""Moving runs: one step at a time under a lease, each in a transaction, from wherever they were left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from baselines.constraints import ConstraintsError
from baselines.datasets import DatasetError
from baselines.folder import BaselineError
from baselines.statistics import StatisticsError
from config.model import Endpoint
from config.retraining import Retrain
from monitor.capture.schema import SchemaError
from objects import PlaceError
from retrain import adoption, release, training_run, trial_run
from retrain.bench import Bench, RunFailedError, World
from retrain.registry import decline
from retrain.sagemaker_calls import CallError
from retrain.targets.base import ElsewhereError, TargetError
from retrain.training_run import outputs
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
_CANCELLABLE = frozenset(STEPS) - {RunState.APPROVED, RunState.DEPLOYED}
_TO_CANCEL = timedelta(minutes=1)
"""The machine that a run is on has so long to end it."""
_BROKEN = (BaselineError, StatisticsError, ConstraintsError, SchemaError, DatasetError)


def advance(world: World, endpoints: Mapping[str, Endpoint]) -> int:
    """Take every run that is under way as far as it goes now; returns how many steps were made."""
    with reading(world.engine) as connection:
        waiting = runs.under_way(connection)
        names = {monitor.id: monitor.name for monitor in monitors.watched(connection)}
    made = 0
    for run in waiting:
        endpoint = endpoints.get(names.get(run.monitor_id, ""))
        if endpoint is not None and endpoint.retrain is not None:
            made += _advance(world, run, endpoint, endpoint.retrain)
    return made


def _advance(world: World, run: Run, endpoint: Endpoint, retrain: Retrain) -> int:
    with leased(world.engine, runs, run.id, world.replica, world.lease, world.stopping) as lease:
        if lease is None:
            return 0
        bench = Bench(world, endpoint, retrain, lease, world.clock.now())
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
        return made


def _step(bench: Bench) -> Run | None:
    """One step from the state on record, or None where the run has to wait."""
    with reading(bench.world.engine) as connection:
        run = runs.by_id(connection, bench.lease.key)
    if run is None or run.state.is_end:
        return None
    try:
        if run.approval == "cancel" and _may_cancel(run, bench):
            return _cancel(run, bench)
        return STEPS[run.state](run, bench)
    except RunFailedError as error:
        return bench.move(run, RunState.FAILED, error.reason, str(error))
    except ElsewhereError as error:
        return _leave(run, bench, str(error))
    except (TargetError, CallError) as error:
        if not error.retryable:
            return bench.move(run, RunState.FAILED, _blamed(run), str(error))
        return _wait(run, bench, str(error))
    except PlaceError as error:
        return _wait(run, bench, str(error))
    except _BROKEN as error:
        return bench.move(run, RunState.FAILED, RunReason.BAD_TRAINING_SET, str(error))
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


def _wait(run: Run, bench: Bench, told: str) -> Run | None:
    """What does not answer may answer later; not for ever, but where a run may rest for any time."""
    log.warning("run_waits", run=run.name, reason=told)
    training = bench.retrain.training
    last = max(run.deadline, run.updated_at + training.wait) + training.time_limit
    if bench.now <= last or run.state in _RESTING:
        return None
    return bench.move(run, RunState.FAILED, RunReason.OUT_OF_TIME, told)


def _leave(run: Run, bench: Bench, told: str) -> Run | None:
    """Another machine's replica sees to the run; it may be gone, and what it was to do be past its time."""
    if run.approval == "cancel" and run.reason is not RunReason.CANCELLED_BY_HAND:
        told = "To be cancelled by the machine that it is on."
        return bench.move(run, run.state, RunReason.CANCELLED_BY_HAND, told)
    if run.approval == "cancel" and bench.now > run.updated_at + _TO_CANCEL:
        told = "Cancelled by hand; the machine that it was on did not answer."
        return bench.move(run, RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told)
    last = max(run.deadline, run.updated_at + bench.retrain.training.time_limit) + _TO_CANCEL
    if bench.now <= last:
        return None
    return bench.move(
        run, RunState.TIMED_OUT, RunReason.OUT_OF_TIME, f"Training did not end in time: {told}."
    )


def _may_cancel(run: Run, bench: Bench) -> bool:
    """Whether nothing stands in the way: a call that may have been made is seen through before."""
    with reading(bench.world.engine) as connection:
        calls = runs.all_effects(connection, run.id)
    pending = any(call.answer is None and call.name != "decline" for call in calls)
    return run.state in _CANCELLABLE and not pending


def _cancel(run: Run, bench: Bench) -> Run:
    told = "Cancelled by hand."
    if run.handle is not None and run.state is RunState.STARTED:
        bench.world.open_target(bench.retrain).cancel(run.handle, told)
    package = run.model_package or (outputs(run).get("model_package_arn") if run.output else None)
    if package:
        sagemaker = bench.world.sagemaker()
        bench.effects.once("decline", dict, lambda _: decline(sagemaker, str(package), told))
    return bench.move(run, RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told)

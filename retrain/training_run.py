"""requested → started → trained: the target is started by the run's name, and followed to its end."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import config.targets
from config.training import Training
from objects import PlaceError
from retrain import alarms, handover
from retrain.aws_calls import CallError
from retrain.bench import Bench, RunFailedError
from retrain.handed import folder, handed, is_scored
from retrain.preparation import prepare
from retrain.targets import outputs as outputs_elsewhere
from retrain.targets.base import (
    Cancelled,
    ElsewhereError,
    Failed,
    Running,
    Status,
    Succeeded,
    Target,
    TargetError,
    TimedOut,
)
from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState


def begin(run: Run, bench: Bench) -> Run | None:
    """Write the training set once there are labels enough, then start the target by the run's name."""
    if run.input is None:
        prepared = prepare(run, bench)
        if prepared is None or prepared.input is None:
            return prepared
        run = prepared
    if not bench.effects.is_intended("start"):
        alarms.require_known(bench)
    handle = _start(run, bench)
    return bench.move(
        run,
        RunState.STARTED,
        RunReason.TRAINING,
        "Training.",
        handle=handle,
        deadline=bench.now + bench.retrain.training.time_limit,
    )


def _start(run: Run, bench: Bench) -> str:
    document = run.input or "{}"

    def request() -> dict[str, Any]:
        named, place = bench.retrain.target, target_of(bench).place()
        return {
            "name": run.name,
            "input": handover.given(named, document),
            "target": named.written(),
            "place": place,
            "parameters": outputs_elsewhere.versions(bench.world.ssm, named.answered_at(handed(run))),
        }

    def start(asked: dict[str, Any]) -> dict[str, Any]:
        target = target_of(bench)
        meant, here = asked.get("place"), target.place()
        if meant and here and meant != here:
            raise ElsewhereError(f"run {run.name} was to be started on another machine, and may have been")
        handover.lay_down(_named(bench), bench.place(folder(run)), document, run.name)
        return {"handle": target.start(asked["name"], asked["input"])}

    return str(bench.effects.once("start", request, start)["handle"])


def stop(run: Run, bench: Bench, told: str) -> None:
    """Stop what trains; a start that may have been made is made again first, to know what that is."""
    handle = _start(run, bench)
    target_of(bench).cancel(handle, told)


def given_up(run: Run, bench: Bench, told: str) -> str:
    """Stop what may still train for a run that fails; `told`, with the reason where that can't be stopped."""
    if run.state is RunState.REQUESTED and _was_tried(run, bench):
        try:
            stop(run, bench, told)
        except (TargetError, CallError, PlaceError) as error:
            return (
                f"{told} An earlier start may have taken effect: look for {run.name} where it trains, and "
                f"stop it there: {error}"
            )
        return told
    if run.state is not RunState.STARTED or run.handle is None:
        return told
    try:
        target_of(bench).cancel(run.handle, told)
    except (TargetError, CallError) as error:
        return f"{told} What trains could not be stopped, see to it where it runs: {error}"
    return told


def _was_tried(run: Run, bench: Bench) -> bool:
    """Whether the start was tried in an earlier round, which may have taken effect without an answer."""
    if not bench.effects.is_intended("start"):
        return False
    with reading(bench.world.engine) as connection:
        events = runs.events(connection, run.id)
    unanswered = any((each.state, each.reason) == (run.state, RunReason.NO_ANSWER) for each in events)
    return unanswered or bench.effects.was_asked_before("start")


def target_of(bench: Bench) -> Target:
    """The target of the run, opened."""
    training = bench.policy.training if bench.policy else Training()
    return bench.world.open_target(_named(bench), training.time_limit)


def _named(bench: Bench) -> config.targets.Target:
    """The target that was written down with the run's start: kedge.yaml may name another by now."""
    named = (bench.effects.request("start") or {}).get("target")
    return config.targets.Target.model_validate(named) if named else bench.retrain.target


def follow(run: Run, bench: Bench) -> Run | None:
    """Ask the target how far it is."""
    if run.handle is None:
        raise RunFailedError(RunReason.TARGET_FAILED, "The target gave no handle for what it runs.")
    match _settled(run, bench, _status(run.handle, run.deadline, bench)):
        case Running():
            return _in_time(run, bench)
        case Succeeded(output):
            _require_own(_outputs(output, is_scored(run)), run, bench)
            return bench.move(run, RunState.TRAINED, RunReason.TRAINING, "Trained.", output=output)
        case Failed(error, cause):
            raise RunFailedError(RunReason.TARGET_FAILED, f"The training failed: {error}: {cause}")
        case TimedOut():
            told = "The target ran out of its time."
            return bench.move(run, RunState.TIMED_OUT, RunReason.TARGET_TIMED_OUT, told)
        case Cancelled():
            told = "The target was stopped from outside."
            return bench.move(run, RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told)
    return None


def _status(handle: str, deadline: datetime, bench: Bench) -> Status:
    """How it stands; what refuses to say may say later, and what trains goes on meanwhile."""
    try:
        return target_of(bench).status(handle)
    except TargetError as error:
        if error.retryable or bench.now > deadline:
            raise
        told = f"{error}. What trains goes on, and is asked about until {deadline:%Y-%m-%d %H:%M} UTC."
        raise TargetError(told, retryable=True) from error


def _settled(run: Run, bench: Bench, status: Status) -> Status:
    """What the target says, with what it left in the run's folder and elsewhere."""
    before = (bench.effects.request("start") or {}).get("parameters", {})
    place = bench.place(folder(run))
    return handover.settled(status, _named(bench), place, handed(run), bench.world.ssm, before)


def _in_time(run: Run, bench: Bench) -> Run | None:
    if bench.now <= run.deadline or run.handle is None:
        return None
    told = f"Training did not end by {run.deadline:%Y-%m-%d %H:%M} UTC."
    target_of(bench).cancel(run.handle, told)
    return bench.move(run, RunState.TIMED_OUT, RunReason.OUT_OF_TIME, told)


def _outputs(output: str, scored: bool) -> dict[str, Any]:
    """A target's answer as a value; raises RunFailedError where it is not as docs/retraining.md has it."""
    try:
        found = json.loads(output)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RunFailedError(RunReason.BAD_OUTPUT, "The target's output is no JSON object.")
    if not scored:
        return _registered(found)
    package = found["model_package_arn"] if _is_text(found.get("model_package_arn")) else None
    wanted = () if package else ("model_data", "image")
    missing = [name for name in wanted if not _is_text(found.get(name))]
    given = found.get("predictions")
    predictions = given if isinstance(given, dict) else {}
    missing += [
        f"predictions.{name}" for name in ("fresh", "captured") if not _is_text(predictions.get(name))
    ]
    odd = [name for name in ("test", "champion_test") if not _is_text(predictions.get(name) or "none")]
    if missing or odd:
        what = f"lacks {', '.join(missing)}" if missing else f"has a predictions.{odd[0]} that is no address"
        raise RunFailedError(
            RunReason.BAD_OUTPUT, f"The target's output {what}: see docs/retraining.md.", package
        )
    return found


def _require_own(found: dict[str, Any], run: Run, bench: Bench) -> None:
    """Refuse a version that has answered requests already: it is no challenger, and is not to be rejected."""
    served = frozenset[str]().union(
        *(each.model_packages for each in bench.eras() if each.id <= run.deployment_id)
    )
    champion = (handed(run).get("champion") or {}).get("model_package")
    package = found.get("model_package_arn")
    if package and package in served | {champion}:
        raise RunFailedError(
            RunReason.BAD_OUTPUT,
            f"The target answered {package}, which has served {bench.endpoint.name} already: let it answer "
            "the version that it registered in this run.",
        )


def _registered(found: dict[str, Any]) -> dict[str, Any]:
    """The answer of a workflow that is judged by its own evaluation: the version that it registered."""
    odd = [name for name in ("evaluation", "baseline_data") if not _is_text(found.get(name) or "none")]
    package = found["model_package_arn"] if _is_text(found.get("model_package_arn")) else None
    if package is None:
        told = "lacks model_package_arn, which judge: evaluation wants"
    elif odd:
        told = f"has a {odd[0]} that is no address"
    else:
        return found
    sentence = f"The target's output {told}: see docs/retraining.md."
    raise RunFailedError(RunReason.BAD_OUTPUT, sentence, package)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def outputs(run: Run) -> dict[str, Any]:
    """What the target answered."""
    return _outputs(run.output or "", is_scored(run))

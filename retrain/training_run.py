"""requested → started → trained: the training set is written, the target trains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypedDict

import config.retraining
from monitor.capture.columns import Schema
from objects import Place
from retrain import training_set
from retrain.bench import Bench, RunFailedError
from retrain.registry import describe
from retrain.targets.base import Cancelled, ElsewhereError, Failed, Running, Succeeded, Target, TimedOut
from retrain.training_set import Period, TooFew, TrainingSetError, Written
from store import incidents, windows
from store.engine import reading
from store.records import Deployment, Incident
from store.retraining import Run, RunReason, RunState


class _Chosen(TypedDict):
    """Which records a run learns from."""

    monitor_id: int
    variant: str
    deployment_id: int
    start: datetime
    end: datetime
    left_out: Sequence[Period]


def begin(run: Run, bench: Bench) -> Run | None:
    """Write the training set once there are labels enough, then start the target by the run's name."""
    if run.input is None:
        prepared = _prepare(run, bench)
        if prepared is None or prepared.input is None:
            return prepared
        run = prepared
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
    def request() -> dict[str, Any]:
        named, place = bench.retrain.target, target_of(bench).place()
        return {
            "name": run.name,
            "input": run.input,
            "target": {named.kind.value: named.address},
            "place": place,
        }

    def start(asked: dict[str, Any]) -> dict[str, Any]:
        target = target_of(bench)
        meant, here = asked.get("place"), target.place()
        if meant and here and meant != here:
            raise ElsewhereError(f"run {run.name} was to be started on another machine, and may have been")
        return {"handle": target.start(asked["name"], asked["input"])}

    return str(bench.effects.once("start", request, start)["handle"])


def stop(run: Run, bench: Bench, told: str) -> None:
    """Stop what trains; a start that may have been made is made again first, to know what that is."""
    handle = _start(run, bench)
    target_of(bench).cancel(handle, told)


def target_of(bench: Bench) -> Target:
    """The target that was written down with the run's start: kedge.yaml may name another by now."""
    asked = bench.effects.request("start") or {}
    named = asked.get("target")
    target = config.retraining.Target.model_validate(named) if named else bench.retrain.target
    training = bench.policy.training if bench.policy else config.retraining.Training()
    return bench.world.open_target(target, training.time_limit)


def _prepare(run: Run, bench: Bench) -> Run | None:
    era = bench.era(run.deployment_id)
    schema = bench.schema(era)
    label = bench.endpoint.prediction
    if label is None or bench.endpoint.ground_truth is None:
        raise RunFailedError(
            RunReason.BAD_TRAINING_SET,
            f"{bench.endpoint.name} has no ground_truth in kedge.yaml: there are no labels to learn from",
        )
    # what nothing looks at is left out of judging alone: the model takes all of its inputs
    features = list(schema.inputs)
    _require_columns(bench, schema, label)
    wanted = bench.retrain.training
    split = partial(
        training_set.split, window=bench.endpoint.window, minimum=wanted.minimum, judging=wanted.judging
    )
    with reading(bench.world.engine) as connection:
        faults = incidents.data_faults(connection, run.monitor_id, run.variant, run.deployment_id)
        if open_one := next((fault for fault in faults if fault.closed_at is None), None):
            return _wait_for_data(run, bench, open_one)
        left_out = _stretches(faults, run, bench)
        # of a window that was not judged yet nobody knows whether its data is at fault
        judged = windows.judged_until(connection, run.monitor_id, run.variant, run.deployment_id)
        period: _Chosen = {
            "monitor_id": run.monitor_id,
            "variant": run.variant,
            "deployment_id": run.deployment_id,
            "start": run.change_at,
            "end": judged or run.change_at,
            "left_out": left_out,
        }
        # the ledger first: a run may wait for days, and to read captures takes its time
        known = split(training_set.labelled_rows(connection, **period))
        if isinstance(known, TooFew):
            return _wait_for_labels(run, bench, known)
        place = bench.place(bench.endpoint.capture)
        captured = training_set.captured_rows(connection, place, schema=schema, **period)
    parts = split(captured.rows)
    if isinstance(parts, TooFew):
        return _wait_for_labels(run, bench, parts)
    original = bench.read_named(wanted.original, RunReason.BAD_TRAINING_SET) if wanted.original else None
    try:
        files = training_set.build(
            parts,
            run_name=run.name,
            label=label,
            features=features,
            sources=captured.sources,
            left_out=left_out,
            original=original,
            original_uri=wanted.original,
        )
    except TrainingSetError as error:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, str(error)) from error
    written = training_set.write(bench.output, run.name, files)
    text = json.dumps(_input(run, bench, era, written, label, features), sort_keys=True, ensure_ascii=False)
    return bench.move(
        run,
        RunState.REQUESTED,
        RunReason.TRAINING,
        f"{parts.training.height} captured records to train on, {parts.judging.height} to judge on.",
        input=text,
        training_uri=written.training,
        judged_start=parts.start,
        judged_end=parts.end,
    )


def _require_columns(bench: Bench, schema: Schema, label: str) -> None:
    """Refuse where the new model's baseline could not say where captured columns stand."""
    others = [name for name in schema.outputs if name != label]
    if others and bench.endpoint.columns is None:
        raise RunFailedError(
            RunReason.BAD_TRAINING_SET,
            f"{bench.endpoint.name} answers {others[0]} besides {label}, which the next baseline can't hold: "
            "name its columns in kedge.yaml",
        )


def _stretches(faults: Sequence[Incident], run: Run, bench: Bench) -> tuple[Period, ...]:
    """The windows since the change that lie within a data fault: first to last of each."""
    each = [(fault.first_window, fault.last_window + bench.endpoint.window) for fault in faults]
    return tuple(sorted(stretch for stretch in each if stretch[1] > run.change_at))


def _wait_for_data(run: Run, bench: Bench, fault: Incident) -> Run | None:
    if _is_over(run, bench):
        told = f"The data was still at fault when the wait was over. {fault.summary}"
        raise RunFailedError(RunReason.DATA_FAULT, told)
    if run.reason is RunReason.DATA_FAULT:
        return None
    told = f"Waiting while the data is at fault. {fault.summary}"
    return bench.move(run, RunState.REQUESTED, RunReason.DATA_FAULT, told)


def _wait_for_labels(run: Run, bench: Bench, short: TooFew) -> Run | None:
    if _is_over(run, bench):
        raise RunFailedError(RunReason.NO_LABELS, f"The labels did not come in time: {short.sentence}")
    if run.reason is RunReason.WAITING_FOR_LABELS:
        return None
    return bench.move(
        run, RunState.REQUESTED, RunReason.WAITING_FOR_LABELS, f"Waiting for labels: {short.sentence}"
    )


def _is_over(run: Run, bench: Bench) -> bool:
    """Whether the run has waited for as long as it may."""
    return bench.now > run.requested_at + bench.retrain.training.wait


def _input(
    run: Run, bench: Bench, era: Deployment, written: Written, label: str, features: list[str]
) -> dict[str, Any]:
    return {
        "run": run.name,
        "endpoint": bench.endpoint.name,
        "variant": run.variant,
        "reason": run.told,
        "incident": _incident(run, bench),
        "training": {
            "data": written.training,
            "manifest": written.manifest,
            "label": label,
            "features": features,
        },
        "score": {
            "fresh": written.fresh,
            "captured": written.captured,
            "test": bench.retrain.training.test,
        },
        "champion": _champion(bench, era),
        "output": f"{bench.output.uri.rstrip('/')}/{run.name}",
    }


def handed(run: Run) -> dict[str, Any]:
    """What the target was handed: the run keeps to it, whatever kedge.yaml says by now."""
    found: dict[str, Any] = json.loads(run.input or "{}")
    return found


def folder(run: Run) -> str:
    """The address of a run's own folder."""
    return str(handed(run)["output"])


def home(run: Run, bench: Bench) -> Place:
    """The folder that a run's own is in."""
    return bench.place(folder(run).rpartition("/")[0])


def _incident(run: Run, bench: Bench) -> dict[str, Any] | None:
    if run.incident_id is None:
        return None
    with reading(bench.world.engine) as connection:
        incident = incidents.by_id(connection, run.incident_id)
    if incident is None:
        return None
    return {
        "kind": incident.kind,
        "opened_at": incident.opened_at.isoformat(),
        "features": list(incident.features),
        "summary": incident.summary,
    }


def _champion(bench: Bench, era: Deployment) -> dict[str, str | None]:
    if era.model_package is None:
        return {"model_package": None, "model_data": None}
    package = describe(bench.world.sagemaker(), era.model_package)
    containers = package.get("InferenceSpecification", {}).get("Containers", [{}])
    return {"model_package": era.model_package, "model_data": containers[0].get("ModelDataUrl")}


def follow(run: Run, bench: Bench) -> Run | None:
    """Ask the target how far it is."""
    target = target_of(bench)
    if run.handle is None:
        raise RunFailedError(RunReason.TARGET_FAILED, "The target gave no handle for what it runs.")
    found = target.status(run.handle)
    match found:
        case Running():
            return _in_time(run, bench, target)
        case Succeeded(output):
            _outputs(output)
            return bench.move(run, RunState.TRAINED, RunReason.TRAINING, "Trained.", output=output)
        case Failed(error, cause):
            raise RunFailedError(RunReason.TARGET_FAILED, f"The training failed: {error}: {cause}")
        case TimedOut():
            raise RunFailedError(RunReason.TARGET_TIMED_OUT, "The target ran out of its time.")
        case Cancelled():
            told = "The target was stopped from outside."
            return bench.move(run, RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, told)


def _in_time(run: Run, bench: Bench, target: Target) -> Run | None:
    if bench.now <= run.deadline or run.handle is None:
        return None
    told = f"Training did not end by {run.deadline:%Y-%m-%d %H:%M} UTC."
    target.cancel(run.handle, told)
    return bench.move(run, RunState.TIMED_OUT, RunReason.OUT_OF_TIME, told)


def _outputs(output: str) -> dict[str, Any]:
    """A target's answer as a value; raises RunFailedError where it is not as docs/retraining.md has it."""
    try:
        found = json.loads(output)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RunFailedError(RunReason.BAD_OUTPUT, "The target's output is no JSON object.")
    wanted = () if _is_text(found.get("model_package_arn")) else ("model_data", "image")
    missing = [name for name in wanted if not _is_text(found.get(name))]
    given = found.get("predictions")
    predictions = given if isinstance(given, dict) else {}
    missing += [
        f"predictions.{name}" for name in ("fresh", "captured") if not _is_text(predictions.get(name))
    ]
    odd = [name for name in ("test", "champion_test") if not _is_text(predictions.get(name) or "none")]
    if missing or odd:
        what = f"lacks {', '.join(missing)}" if missing else f"has a predictions.{odd[0]} that is no address"
        raise RunFailedError(RunReason.BAD_OUTPUT, f"The target's output {what}: see docs/retraining.md.")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def outputs(run: Run) -> dict[str, Any]:
    """What the target answered."""
    return _outputs(run.output or "")

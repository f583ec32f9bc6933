"""requested: the training set is written once there are labels enough, and the input for the target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from config.metrics import check_judging
from config.retraining import Judge
from config.training import FewLabels, LearnsFrom, Training
from monitor.capture.columns import Schema
from retrain import champion_parameter, data_checks, few_labels, slicing, tables, training_set
from retrain.bench import Bench, RunFailedError
from retrain.captured import Captured, Chosen, Labelled, Period, captured_rows, labelled
from retrain.champion_parameter import Champion
from retrain.context import context
from retrain.data_checks import TrainingSetError
from retrain.registry import describe
from retrain.slicing import SlicingError
from retrain.training_set import Recipe, Split, TooFew, TrainingSet, Written
from store import incidents, runs, windows
from store.engine import reading
from store.records import Deployment, Incident
from store.retraining import Run, RunReason, RunState


def prepare(run: Run, bench: Bench) -> Run | None:
    """Write what the target is to learn from and to score, and what it is told; or wait for labels or data.

    The run as it went on, with an `input` where it is ready; None where it waits as it did before.

    Raises:
        RunFailedError: where there is nothing to learn from, or a model of it could not be judged.
    """
    era = bench.era(run.deployment_id)
    has_probability = bench.endpoint.probability is not None
    told = check_judging(bench.retrain.accept, bench.endpoint.problem, has_probability=has_probability)
    if told is not None:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, told)
    if bench.retrain.judge is Judge.EVALUATION:
        return _without_sets(run, bench, era)
    return _with_sets(run, bench, era)


def _without_sets(run: Run, bench: Bench, era: Deployment) -> Run | None:
    """Hand no sets to a workflow that trains on its own data; a data fault is waited out all the same."""
    with reading(bench.world.engine) as connection:
        faults = incidents.data_faults(connection, run.monitor_id, run.variant, run.deployment_id)
    if (fault := _open(faults)) is not None:
        return _wait_for_data(run, bench, fault)
    champion = _champion(bench, era)
    text = _in_context(run, bench, era, _input(run, bench, champion, None), None)
    told = (
        f"The workflow trains on its own data, and is judged by its own evaluation. {champion.told}".rstrip()
    )
    return bench.move(run, RunState.REQUESTED, RunReason.TRAINING, told, input=text)


def _with_sets(run: Run, bench: Bench, era: Deployment) -> Run | None:
    schema, label = bench.schema(era), _label(bench)
    # what nothing looks at is left out of judging alone: the model takes all of its inputs
    features = list(schema.inputs)
    _require_columns(bench, schema, label)
    _require_slices(bench, features)
    with reading(bench.world.engine) as connection:
        faults = incidents.data_faults(connection, run.monitor_id, run.variant, run.deployment_id)
        # of a window that was not judged yet nobody knows whether its data is at fault
        judged = windows.judged_until(connection, run.monitor_id, run.variant, run.deployment_id)
        known = labelled(connection, _chosen(run, bench, faults, judged), bench.endpoint)
    if (fault := _open(faults)) is not None:
        return _wait_for_data(run, bench, fault)
    # the ledger first: a run may wait for days, and to read captures takes its time
    enough = _split(run, bench, known.rows)
    if isinstance(enough, TooFew):
        return _wait_for_labels(run, bench, enough)
    if run.reason is RunReason.ASKING and _readable(known) in run.told:
        return None  # nothing came since a person was asked: the captures need not be read again
    captured = captured_rows(bench.place(bench.endpoint.capture), known, schema)
    parts = _split(run, bench, captured.rows)
    if isinstance(parts, TooFew):
        return _without_captures(run, bench, known, captured, parts)
    files = _files(run, bench, era, _Material(captured, parts, label, features, known.chosen))
    written = training_set.write(bench.output, run.name, files)
    champion = _champion(bench, era)
    document = _input(run, bench, champion, _Sets(written, label, features))
    text = _in_context(run, bench, era, document, (parts.start, parts.end))
    return bench.move(
        run,
        RunState.REQUESTED,
        RunReason.TRAINING,
        f"{_told(parts, files, bench.retrain.training)} {champion.told}".rstrip(),
        input=text,
        training_uri=written.training,
        judged_start=parts.start,
        judged_end=parts.end,
    )


def _label(bench: Bench) -> str:
    """The column that a training set has the labels in."""
    label = bench.endpoint.answer
    if label is None or bench.endpoint.ground_truth is None:
        raise RunFailedError(
            RunReason.BAD_TRAINING_SET,
            f"{bench.endpoint.name} has no ground_truth in kedge.yaml: there are no labels to learn from",
        )
    if bench.endpoint.hooks.preprocess is not None:
        raise RunFailedError(
            RunReason.BAD_TRAINING_SET,
            f"{bench.endpoint.name} has hooks.preprocess, which its records pass before they are judged and "
            "no training set does: take the hook or the retrain section out of kedge.yaml",
        )
    return label


def _readable(known: Labelled) -> str:
    return f"of {known.rows.height} labelled records can still be read"


def _without_captures(
    run: Run, bench: Bench, known: Labelled, captured: Captured, short: TooFew
) -> Run | None:
    """Ask whether to go on with what can still be read, or fail: to wait would be to read it all for ever."""
    gone = ""
    if captured.gone:
        gone = f", {captured.gone} captured {'object is' if captured.gone == 1 else 'objects are'} gone"
    told = (
        f"{captured.rows.height} {_readable(known)} from {bench.endpoint.capture}{gone}, and "
        f"{short.sentence}: keep captures until their labels were learnt from"
    )
    if bench.retrain.training.labels is FewLabels.ASK and not few_labels.is_told(run, bench):
        return _wait_for_labels(run, bench, TooFew(told))
    raise RunFailedError(RunReason.BAD_TRAINING_SET, told)


def _open(faults: Sequence[Incident]) -> Incident | None:
    return next((fault for fault in faults if fault.closed_at is None), None)


def _chosen(run: Run, bench: Bench, faults: Sequence[Incident], judged: datetime | None) -> Chosen:
    """The records from the estimated change on, or of so long before what was judged; no data fault's."""
    period = bench.retrain.training.period
    since = run.change_at if period is None or judged is None else judged - period
    stretches = [(fault.first_window, fault.last_window + bench.endpoint.window) for fault in faults]
    return Chosen(
        run.monitor_id,
        run.variant,
        run.deployment_id,
        since,
        judged or since,
        tuple(sorted(stretch for stretch in stretches if stretch[1] > since)),
    )


@dataclass(frozen=True, slots=True)
class _Material:
    """What a training set is made of."""

    captured: Captured
    parts: Split
    label: str
    features: list[str]
    chosen: Chosen


def _files(run: Run, bench: Bench, era: Deployment, of: _Material) -> TrainingSet:
    wanted = bench.retrain.training
    original = bench.read_named(wanted.original, RunReason.BAD_TRAINING_SET) if wanted.original else None
    try:
        files = training_set.build(
            of.parts,
            run_name=run.name,
            label=of.label,
            features=of.features,
            sources=of.captured.sources,
            left_out=of.chosen.left_out,
            original=original,
            original_uri=wanted.original,
            recipe=Recipe(wanted.learns_from, of.chosen.start, wanted.format),
            constraints=bench.baseline(era).constraints,
            duplicates=of.captured.duplicates,
            problem=bench.endpoint.problem,
            positive=bench.endpoint.positive_class,
        )
        # cuts that can't be made are told before anything is trained
        learnt = tables.read(files.training, files.format, "the training set", of.features)
        slicing.cut(learnt, of.parts.judging, bench.retrain.slices)
    except (TrainingSetError, SlicingError) as error:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, str(error)) from error
    return files


def _in_context(
    run: Run, bench: Bench, era: Deployment, document: dict[str, Any], judging: Period | None
) -> str:
    """The input's JSON, with what is said of the world around the run; its files are written."""
    with reading(bench.world.engine) as connection:
        around = context(connection, run, bench.endpoint, era, document["output"], judging)
    around.write(bench.place(document["output"]))
    return json.dumps(document | around.said, sort_keys=True, ensure_ascii=False)


def _require_columns(bench: Bench, schema: Schema, label: str) -> None:
    """Refuse where the new model's baseline could not say where captured columns stand."""
    others = [name for name in schema.outputs if name not in (label, bench.endpoint.probability)]
    if others and bench.endpoint.columns is None:
        raise RunFailedError(
            RunReason.BAD_TRAINING_SET,
            f"{bench.endpoint.name} answers {others[0]} besides {label}, which the next baseline can't hold: "
            "name its columns in kedge.yaml",
        )


def _require_slices(bench: Bench, features: Sequence[str]) -> None:
    """Refuse what could not be judged, before anything is trained."""
    try:
        slicing.require_features(bench.retrain.slices, features)
    except SlicingError as error:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, str(error)) from error


def _split(run: Run, bench: Bench, rows: pl.DataFrame) -> Split | TooFew:
    wanted = few_labels.wanted(run, bench, rows.height)
    minimum = 0 if wanted.learns_from is LearnsFrom.ORIGINAL else wanted.minimum
    requests = 2 if few_labels.is_told(run, bench) else training_set.FEWEST_REQUESTS
    return training_set.split(
        rows, window=bench.endpoint.window, minimum=minimum, judging=wanted.judging, requests=requests
    )


def _told(parts: Split, files: TrainingSet, wanted: Training) -> str:
    judging = f"{parts.judging.height} captured records to judge on"
    if wanted.learns_from is LearnsFrom.ORIGINAL:
        return f"The original set alone to train on, {judging}.{data_checks.told(files.warnings)}"
    trained = f"{parts.training.height} captured records to train on, {parts.judging.height} to judge on"
    return f"{trained}.{data_checks.told(files.warnings)}"


def _wait_for_data(run: Run, bench: Bench, fault: Incident) -> Run | None:
    # a run that asked for labels may have rested for any time before the fault
    if bench.now > max(run.requested_at, fault.opened_at) + bench.retrain.training.wait:
        told = f"The data was still at fault when the wait was over. {fault.summary}"
        raise RunFailedError(RunReason.DATA_FAULT, told)
    if run.reason is RunReason.DATA_FAULT:
        return None
    told = f"Waiting while the data is at fault. {fault.summary}"
    return bench.move(run, RunState.REQUESTED, RunReason.DATA_FAULT, told)


def _wait_for_labels(run: Run, bench: Bench, short: TooFew) -> Run | None:
    told = f"{short.sentence}."
    return few_labels.for_labels(run, bench, RunState.REQUESTED, told, "The labels did not come in time")


@dataclass(frozen=True, slots=True)
class _Sets:
    """What Kedge wrote for a target to train on and to score."""

    written: Written
    label: str
    features: list[str]


def _input(run: Run, bench: Bench, champion: Champion, sets: _Sets | None) -> dict[str, Any]:
    training = score = None
    if sets is not None:
        written = sets.written
        training = {
            "data": written.training,
            "manifest": written.manifest,
            "label": sets.label,
            "features": sets.features,
            "format": bench.retrain.training.format.value,
        }
        score = {
            "fresh": written.fresh,
            "captured": written.captured,
            "test": bench.retrain.training.test,
        }
    return {
        "run": run.name,
        "endpoint": bench.endpoint.name,
        "variant": run.variant,
        "reason": _why(run, bench),
        "incident": _incident(run, bench),
        "training": training,
        "score": score,
        "champion": _described(bench, champion.package),
        "output": f"{bench.output.uri.rstrip('/')}/{run.name}",
    }


def _why(run: Run, bench: Bench) -> str:
    """The sentence that the run was asked for with: since then it may have waited."""
    with reading(bench.world.engine) as connection:
        return next((event.told for event in runs.events(connection, run.id)), run.told)


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


def _champion(bench: Bench, era: Deployment) -> Champion:
    """The version of an era's model: what the endpoint says, else what the owner's parameter says."""
    parameter = bench.retrain.champion
    if era.model_package is not None or parameter is None:
        return Champion(era.model_package)
    with reading(bench.world.engine) as connection:
        past = champion_parameter.runs_of_model(connection, era)
    return champion_parameter.champion(parameter, era, past, bench.world.ssm(), bench.world.sagemaker())


def _described(bench: Bench, named: str | None) -> dict[str, str | None]:
    if named is None:
        return {"model_package": None, "model_data": None}
    package = describe(bench.world.sagemaker(), named)
    containers = package.get("InferenceSpecification", {}).get("Containers", [{}])
    return {"model_package": named, "model_data": containers[0].get("ModelDataUrl")}

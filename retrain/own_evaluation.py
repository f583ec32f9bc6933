"""Runs that are judged by the workflow's own evaluation: it scores nothing that Kedge hands over.

Such a workflow trains on data of its own, registers the model, and leaves an evaluation beside it; so had the
champion's. What that comparison is worth is said with its result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import polars as pl
import structlog
from sqlalchemy import Connection

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines import versions
from baselines.amended import with_feature, without_distribution
from baselines.create import create
from baselines.folder import CONSTRAINTS, STATISTICS, BaselineFiles, read_files
from baselines.quality.problem import QualityError
from config.asking import Answer
from config.conditions import Condition
from config.expressions import evaluate
from config.problem import ProblemType
from config.retraining import Approval, Retrain
from config.weighing import Reading, Truth
from monitor.capture.answers import answer_columns, as_captured, column_in_file
from retrain import ends, evaluation, quality_files, registry
from retrain.bench import Bench, RunFailedError
from retrain.defects import Facts, Finding, findings
from retrain.ends import End
from retrain.evaluation import Evaluation, EvaluationError, Splits
from retrain.handed import folder, handed, home
from retrain.judging import SEED, Judgement, JudgingError, beyond, metrics_of
from retrain.registry import PackageStatus, RegistryError
from retrain.training_run import outputs
from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState, Trial

log = structlog.get_logger(__name__)

_File = TypeVar("_File")

_WAITING = {
    Approval.ALWAYS: "",
    Approval.AUTOMATIC: "; it waits for a person's approval, since its workflow alone has measured it",
    Approval.MANUAL: "; it waits for approval",
}
"""What a version waits for that has won."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The workflow's version as it stood when the workflow had answered."""

    package: str | None
    status: PackageStatus | None = None
    evaluation: str | None = None

    @property
    def approved(self) -> bool:
        """Whether it was approved already."""
        return self.status is PackageStatus.APPROVED


def seen(run: Run, bench: Bench) -> Seen:
    """What the workflow registered, looked at once, as soon as it has answered.

    Raises:
        RunFailedError: where there is no such version.
        RegistryError: where the registry does not answer now.
    """
    package = outputs(run).get("model_package_arn")
    if not package:
        return Seen(None)

    def look(asked: dict[str, Any]) -> dict[str, Any]:
        found = registry.describe(bench.world.sagemaker(), asked["package"])
        return {"status": found.get("ModelApprovalStatus"), "evaluation": registry.quality_uri(found)}

    try:
        found = bench.effects.once("look", lambda: {"package": str(package)}, look)
    except RegistryError as error:
        if error.retryable:
            raise
        raise RunFailedError(RunReason.BAD_OUTPUT, str(error)) from error
    status = found["status"]
    return Seen(str(package), PackageStatus(status) if status else None, found["evaluation"])


def deployed_already(run: Run, bench: Bench, package: str | None) -> bool:
    """Whether the endpoint answers by the workflow's version, in any variant, before anybody judged it."""
    latest = bench.eras()[-1]
    return package is not None and latest.id != run.deployment_id and package in latest.model_packages


def judge(run: Run, bench: Bench) -> Run | None:
    """Hold the challenger's evaluation against the champion's registered one, and say what that is worth."""
    looked = seen(run, bench)
    try:
        challenger = _challenger(run, bench, looked)
        version = _champions_version(run, bench)
        overwritten = registry.quality_uri(version) == challenger.uri
        champion = None if overwritten else _champion(run, bench, version)
        relation = evaluation.splits(champion, challenger) if champion else None
        tried = _trials(champion, challenger, bench.retrain)
        judgement, told = verdict(champion, challenger, tried, relation, bench.retrain)
    except (EvaluationError, JudgingError) as error:
        raise RunFailedError(RunReason.BAD_OUTPUT, str(error)) from error
    facts = Facts(
        looked.package,
        looked.approved,
        deployed_already(run, bench, looked.package),
        relation,
        champion.uri if champion else None,
        challenger.uri,
        overwritten,
    )
    with bench.lease.transaction() as connection:
        tell(run, bench, connection, findings(facts))
        runs.set_trials(connection, run.id, tried)
        if judgement is Judgement.WON:
            return runs.move(connection, run, RunState.WON, RunReason.BETTER, told, bench.now)
        lost = End(RunState.LOST, RunReason.NOT_BETTER, told)
        ends.intend(connection, run, lost, bench.now)
    return ends.conclude(run, bench, lost)


def tell(run: Run, bench: Bench, connection: Connection, found: tuple[Finding, ...]) -> None:
    """Put the workflow's defects among the run's events."""
    for each in found:
        runs.tell(connection, run, RunReason.DEFECT, str(each), bench.now)


def _challenger(run: Run, bench: Bench, looked: Seen) -> Evaluation:
    answer = outputs(run)
    uri = answer.get("evaluation") or looked.evaluation
    if not uri:
        told = (
            f"{looked.package} names no evaluation (ModelMetrics.ModelQuality.Statistics) and the target's "
            "output none either: there is nothing to judge by"
        )
        raise RunFailedError(RunReason.BAD_OUTPUT, told)
    data = bench.read_named(str(uri), RunReason.BAD_OUTPUT)
    found = evaluation.read(data, str(uri), bench.endpoint.problem)
    beside = answered(run, bench)
    return found if beside is None else _with_records(found, beside[1], bench)


def _with_records(found: Evaluation, answers: pl.DataFrame, bench: Bench) -> Evaluation:
    """An evaluation of numbers with the records behind it; one of classes is compared as it is stated."""
    if bench.endpoint.problem is not ProblemType.REGRESSION:
        return found
    return evaluation.with_records(found, evaluation.records_of(answers))


def answered(run: Run, bench: Bench) -> tuple[str, pl.DataFrame] | None:
    """The challenger's answers and labels (``baseline_data`` of the target's output), where it left some."""
    uri = outputs(run).get("baseline_data")
    if not uri:
        return None
    return str(uri), _answers(bench.read_named(str(uri), RunReason.BAD_OUTPUT), str(uri), bench)


def _answers(data: bytes, uri: str, bench: Bench) -> pl.DataFrame:
    columns = {side: column_in_file(side, bench.endpoint) for side in answer_columns(bench.endpoint)}
    return evaluation.answers(data, uri, columns, bench.endpoint.problem)


def _champions_version(run: Run, bench: Bench) -> Answer:
    """What describes the version that the run was handed as the champion's; empty where there was none."""
    package = (handed(run).get("champion") or {}).get("model_package")
    return registry.describe(bench.world.sagemaker(), package) if package else {}


def _champion(run: Run, bench: Bench, version: Answer) -> Evaluation | None:
    """What the champion's version was registered with; None where there is nothing to read.

    That is no fault of the challenger's: an `accept` that asks for no champion can still be met.
    """
    uri = registry.quality_uri(version)
    read = partial(evaluation.read, problem=bench.endpoint.problem)
    found = None if uri is None else _readable(bench, uri, read)
    records = (version.get("CustomerMetadataProperties") or {}).get(registry.ANSWERS_KEY)
    if found is None or not records or records == outputs(run).get("baseline_data"):
        return found  # the latter is the challenger's by now
    answers = _readable(bench, records, partial(_answers, bench=bench))
    return found if answers is None else _with_records(found, answers, bench)


def _readable(bench: Bench, uri: str, read: Callable[[bytes, str], _File]) -> _File | None:
    """What a file of the champion's holds; None where it is gone, or is no such file."""
    try:
        return read(bench.read_named(uri, RunReason.BAD_OUTPUT), uri)
    except (RunFailedError, EvaluationError) as error:
        log.warning("champions_evaluation_unreadable", uri=uri, reason=str(error))
        return None


def _trials(champion: Evaluation | None, challenger: Evaluation, retrain: Retrain) -> tuple[Trial, ...]:
    if champion is None:
        return ()
    each = (evaluation.compare(champion, challenger, name, SEED) for name in metrics_of(retrain.accept))
    return tuple(trial for trial in each if trial is not None)


def verdict(
    champion: Evaluation | None,
    challenger: Evaluation,
    tried: tuple[Trial, ...],
    relation: Splits | None,
    retrain: Retrain,
) -> tuple[Judgement, str]:
    """Whether the challenger takes the champion's place by its workflow's numbers, and what that is worth.

    It wins where `accept` holds, each metric read with the interval of the difference where there is one,
    and the first metric's whole difference lies beyond `margin`. Without a number of the champion's only an
    `accept` that asks for none can hold.
    """
    by_metric = {trial.metric: trial for trial in tried}

    def look(metric: str, dataset: str | None) -> Reading | None:
        if dataset is not None or metric not in challenger.metrics:
            return None
        trial = by_metric.get(metric)
        if trial is None:
            return Reading(challenger.metrics[metric])
        level = trial.champion
        return Reading(trial.challenger, level + trial.low, level + trial.high, champion=level)

    outcome = evaluate(retrain.accept, look)
    leading = by_metric.get(metrics_of(retrain.accept)[0])
    told = _compared(leading, challenger, retrain.accept)
    good = outcome.truth is Truth.TRUE and (leading is None or beyond(leading, retrain.margin))
    word = "is better" if good and leading else "is good enough" if good else "is not shown to be better"
    return (
        Judgement.WON if good else Judgement.LOST,
        f"The challenger {word} by its workflow's own evaluation: {told}. {_worth(champion, relation)}",
    )


def _compared(trial: Trial | None, challenger: Evaluation, accept: Condition) -> str:
    if trial is None:
        name = metrics_of(accept)[0]
        value = challenger.metrics.get(name)
        return f"{name} {'is not in it' if value is None else f'{value:.3f}'}, held against {accept}"
    told = f"{trial.metric} {trial.challenger:.3f} against {trial.champion:.3f}"
    if not trial.count:
        return f"{told}, as each was stated, without an interval"
    return (
        f"{told}, a difference of {trial.difference:+.3f} ({trial.low:+.3f} to {trial.high:+.3f}) "
        f"on {trial.count} records or more"
    )


def _worth(champion: Evaluation | None, relation: Splits | None) -> str:
    if champion is None:
        return "There is no evaluation of the champion's that can be read: the two were not compared."
    if relation is Splits.SAME:
        return "Both were measured on the same records, which are the workflow's and not the newest."
    if relation is Splits.DIFFERENT:
        return "Champion and challenger were measured on different splits: this is weak evidence."
    return (
        "Champion and challenger were measured each on a split of its own, as far as is known: "
        "this is weak evidence."
    )


def register(run: Run, bench: Bench) -> Run:
    """Take the workflow's version over: its model-quality baseline is written, and its run noted on it."""
    package = str(outputs(run)["model_package_arn"])
    sagemaker = bench.world.sagemaker()
    found = answered(run, bench)
    notes = registry.origin(run, bench.endpoint.name, run.handle or "")
    if found is not None:
        uri, answers = found
        try:
            files = quality_files.of_answers(answers, bench.endpoint, run.requested_at)
        except QualityError as error:
            raise RunFailedError(RunReason.BAD_OUTPUT, f"{uri}: {error}") from error
        quality_files.write(home(run, bench), run.name, files)
        notes |= {
            registry.ANSWERS_KEY: uri,
            "kedge-quality-baseline": f"{folder(run)}/{quality_files.FOLDER}",
        }
    bench.effects.once(
        "note",
        lambda: {"package": package, "notes": notes},
        lambda asked: registry.note(sagemaker, asked["package"], asked["notes"]),
    )
    told = f"The workflow registered the model{_WAITING[bench.retrain.approval]}."
    return bench.move(run, RunState.REGISTERED, RunReason.WAITING_FOR_APPROVAL, told, model_package=package)


def write_baseline(run: Run, bench: Bench) -> BaselineFiles:
    """The new era's data-quality baseline: the champion's, with the new model's answers where it left some.

    The inputs are of the same endpoint, and Kedge did not see what the model was trained on; but to hold a
    new model's answers against the old one's would be a false alarm. Where it left none, nothing is said of
    how they are distributed.
    """
    era = bench.era(run.deployment_id)
    champion = bench.baseline(era)
    with reading(bench.world.engine) as connection:
        texts = dict(
            zip((STATISTICS, CONSTRAINTS), versions.texts(connection, champion.baseline.id), strict=True)
        )
    found = answered(run, bench)
    own = None if found is None else as_captured(found[1], bench.endpoint)
    if own is not None and own.width:
        profile, suggested = create(own.write_csv().encode(), where=f"{run.name}.csv")
        fresh = {STATISTICS: statistics_file.write(profile), CONSTRAINTS: constraints_file.write(suggested)}
        for column in own.columns:
            texts = {name: with_feature(text, fresh[name], column) for name, text in texts.items()}
    else:
        for column in filter(None, dict.fromkeys((bench.endpoint.prediction, bench.endpoint.probability))):
            texts[STATISTICS] = without_distribution(texts[STATISTICS], column)
    place = home(run, bench)
    for name, text in texts.items():
        place.objects.write(place.key(f"{run.name}/baseline/{name}"), text.encode(), "application/json")
    return read_files(bench.place(f"{folder(run)}/baseline"))

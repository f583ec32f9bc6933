"""A model-quality job: the three files of Model Monitor's quality monitors, and its metrics."""

from __future__ import annotations

from datetime import datetime

from baselines.profile.profile import Profile
from baselines.quality import constraints as constraints_file
from baselines.quality.analysis import VIOLATIONS, Analysis, analyze
from baselines.quality.constraints import QualityConstraints
from baselines.quality.problem import problem_of
from config.distance import Distance
from monitor import metric_values
from monitor.analysis.answers import Answers, read_answers
from monitor.analysis.contract import ContractError, Job
from monitor.analysis.outcome import Analysed
from monitor.comparison import Gathered
from monitor.metric_values import MetricValue
from monitor.violations import completion_message

_THRESHOLD = "probability_threshold_attribute"


def analyse_quality(job: Job, now: datetime) -> Analysed:
    """Carry a model-quality job out; nothing is written.

    Raises:
        ContractError, DatasetError, QualityError: in one sentence.
    """
    if job.preprocess is not None:
        raise ContractError(
            "record_preprocessor_script is set, and a job of analysis_type MODEL_QUALITY runs none: leave it "
            "out, and say by inference_attribute where the answer lies, for which a path will do"
        )
    problem = problem_of(_wanted(job, "problem_type"))
    answers = read_answers(job)
    if not answers.frame.height:
        raise ContractError(_no_answers(job, answers))
    found = analyze(
        answers.frame,
        problem,
        threshold=_threshold(job),
        positive=job.positive,
        constraints=_constraints(job),
        compat=job.distance is Distance.COMPAT,
        evaluation_time=job.period.end or now,
    )
    files = {name: text for name, text in found.files().items() if name != VIOLATIONS or found.violations}
    gathered = Gathered(answers.objects, Profile(answers.frame.height - found.left_out, {}), answers.bad)
    metrics = _metrics(job, found, now) if job.emits else ""
    return Analysed(files, metrics, gathered, completion_message(len(found.violations)))


def _no_answers(job: Job, answers: Answers) -> str:
    lost = sum(bad.rejects.lost for bad in answers.bad)
    if lost:
        detail = next(each.detail for bad in answers.bad for each in bad.rejects.examples)
        return (
            f"Job inputs had no data: none of {lost} lines in {answers.objects} files below {job.source} "
            f"can be used: {detail}; check the attributes of the job and that ground truth was merged"
        )
    return (
        f"Job inputs had no data: {answers.objects} files below {job.source} hold no answer with a "
        "label; check start_time, end_time and that ground truth was merged"
    )


def _wanted(job: Job, name: str) -> str:
    if name not in job.attributes:
        raise ContractError(f"the variable {name} is not set, which analysis_type MODEL_QUALITY wants")
    return job.attributes[name]


def _threshold(job: Job) -> float:
    given = job.attributes.get(_THRESHOLD, "0.5")
    try:
        return float(given)
    except ValueError:
        raise ContractError(f"{_THRESHOLD} is {given!r}, which is no number") from None


def _constraints(job: Job) -> QualityConstraints | None:
    if job.constraints is None:
        return None
    return constraints_file.read(job.constraints.read_bytes(), str(job.constraints))


def _metrics(job: Job, found: Analysis, now: datetime) -> str:
    of, at = metric_values.dimensions(job.endpoint, job.schedule), job.period.end or now
    values = (MetricValue(name, of, at, value) for name, value in found.cloudwatch.items())
    return metric_values.json_lines(values)

"""One job, from its data set to its files and its last words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.checks.names import OURS_ALONE
from baselines.constraints import Constraints
from baselines.folder import CONSTRAINTS, STATISTICS
from baselines.profile.profile import Profile
from config.plurals import counted
from monitor import metric_values
from monitor.analysis import data
from monitor.analysis.contract import MESSAGE, METRICS, Analysis, ContractError, Job
from monitor.analysis.outcome import Analysed
from monitor.analysis.quality import analyse_quality
from monitor.capture.rejects import RejectKind
from monitor.capture.schema import in_own_types
from monitor.comparison import Gathered
from monitor.hooks.postprocess import run_postprocess
from monitor.hooks.script import read_script
from monitor.judge import Verdict, judge
from monitor.losses import fault_of_losses
from monitor.violations import VIOLATIONS, completion_message, write

_LONGEST_MESSAGE = 1024
"""What an execution's FailureReason holds."""


def analyse(job: Job, now: datetime) -> Analysed:
    """Carry the job out; nothing is written.

    Without a baseline the files are a baseline of the data set. With one they are the current statistics and
    constraints, and the violations where there are any, as Model Monitor has it.

    Raises:
        ContractError, DatasetError, StatisticsError, ConstraintsError, QualityError, HookError: a sentence.
    """
    if job.analysis is Analysis.MODEL_QUALITY:
        return analyse_quality(job, now)
    constraints = _constraints(job)
    found = data.read(job, constraints)
    own = found.profile if constraints is None else _in_own_types(job, found.profile, constraints)
    files = {
        STATISTICS: statistics_file.write(own),
        CONSTRAINTS: constraints_file.write(constraints_file.suggest(own)),
    }
    if constraints is None:
        return Analysed(files, "", found, completion_message(0))
    if not found.profile.rows and not found.profile.widths:
        raise ContractError(_no_records(job, found))
    baseline = _statistics(job)
    verdict = judge(found.profile, baseline, constraints, job.distance, assume=job.assume)
    violations = sum(row.check not in OURS_ALONE for row in verdict.violations)
    if violations:
        files[VIOLATIONS] = write(verdict.violations)
    metrics = _metrics(job, own, verdict, constraints, now) if job.emits else ""
    fault = fault_of_losses(found.profile.rows, sum(bad.rejects.lost for bad in found.bad), found.bad)
    ended = completion_message(violations)
    return Analysed(files, metrics, found, ended if fault is None else f"{ended} {fault}")


def _in_own_types(job: Job, current: Profile, constraints: Constraints) -> Profile:
    """The data read once more where it has other types than the baseline, whose types it was judged by.

    A script is not run again: it may choose by chance.
    """
    own = in_own_types(constraints, current)
    return current if own is None or job.preprocess is not None else data.read(job, own).profile


def _constraints(job: Job) -> Constraints | None:
    if job.constraints is None:
        if job.statistics is not None:
            raise ContractError("baseline_statistics is set without baseline_constraints: set both or none")
        return None
    found = constraints_file.read(job.constraints.read_bytes(), str(job.constraints))
    if job.categorical is None:
        return found
    return replace(found, monitoring=replace(found.monitoring, categorical_drift_method=job.categorical))


def _statistics(job: Job) -> Profile:
    """The baseline's; without any, only what the constraints say is checked."""
    if job.statistics is None:
        return Profile.empty()
    return statistics_file.read(job.statistics.read_bytes(), str(job.statistics))


def _no_records(job: Job, found: Gathered) -> str:
    empty = sum(bad.rejects.count(RejectKind.EMPTY_FILE) for bad in found.bad)
    lost = sum(bad.rejects.lost for bad in found.bad) - empty
    objects, period = counted(found.read, "object"), job.period
    if lost:
        key, first = next(
            (bad.key, each)
            for bad in found.bad
            for each in bad.rejects.examples
            if each.kind is not RejectKind.EMPTY_FILE
        )
        at = f"line {first.line} of {key}" if first.line else key
        return (
            f"Job inputs had no data: none of {counted(lost, 'line')} in {objects} can be used: "
            f"{first.detail}; look at {at} first"
        )
    if found.dropped and found.span is None:
        return (
            f"Job inputs had no data: the script {job.preprocess} dropped all of "
            f"{counted(found.dropped, 'line')} in {objects}; see for which it returns [] or None"
        )
    if empty and empty == found.read:
        return (
            f"Job inputs had no data: no line stands in {counted(empty, 'object')} below {job.source}; "
            "check that the endpoint captured then"
        )
    holds = "holds" if found.read == 1 else "hold"
    when = f"from {_told(period.start)} to {_told(period.end)}"
    return (
        f"Job inputs had no data: {objects} below {job.source} {holds} no inference {when}; "
        "check start_time, end_time and that the endpoint captured then"
    )


def _told(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "any time"


def _metrics(job: Job, current: Profile, verdict: Verdict, constraints: Constraints, now: datetime) -> str:
    of = metric_values.dimensions(job.endpoint, job.schedule)
    if not constraints.monitoring.emit_metrics:
        return ""
    values = metric_values.of_data_quality(current, verdict.features, constraints, of, job.period.end or now)
    return metric_values.json_lines(values)


def write_out(job: Job, root: Path, found: Analysed) -> None:
    """Write the files, the metrics where there are some, and the message. Raises OSError."""
    job.output.mkdir(parents=True, exist_ok=True)
    if VIOLATIONS not in found.files:  # one of another run would be taken for this one's
        (job.output / VIOLATIONS).unlink(missing_ok=True)
    for name, text in found.files.items():
        (job.output / name).write_text(text, encoding="utf-8", newline="")
    if found.metrics:
        path = root / METRICS
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.metrics, encoding="utf-8", newline="")
    leave(root, found.message)


def postprocess(job: Job) -> str:
    """Run the job's script on the files that were written; what it printed.

    Raises:
        HookError: where it can't be loaded, or failed.
    """
    if job.postprocess is None:
        return ""
    return run_postprocess(read_script(str(job.postprocess)), job.output).said


def leave(root: Path, message: str) -> None:
    """Write the last words, from which the platform derives the execution's status and its FailureReason."""
    path = root / MESSAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message[:_LONGEST_MESSAGE], encoding="utf-8")

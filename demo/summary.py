"""How the story went, read from the service's database and from the AWS that it acted on."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from baselines import versions
from baselines.checks.names import Check
from demo.aws import Aws
from demo.script import Plot
from store import captures, deployments, executions, incidents, monitors, runs
from store.records import Deployment, Execution, ExecutionKind, IncidentKind, Outcome
from store.retraining import Run, Trial

FRESH, RMSE = "fresh", "rmse"


@dataclass(frozen=True, slots=True)
class Summary:
    """Every key is always there, null where nothing happened. Errors are in rings.

    `outcome`, `reason`, `model_package` and `trial` are of the last retraining run.
    """

    seed: int
    rows_per_window: int
    shift_sd: float
    windows: int
    """Hours that were judged: a new model splits one in two."""
    records: int
    quiet_windows_before_drift: int
    false_alarms: int
    windows_to_detect: int | None
    """Windows from the shift to the first that drifted, 1 being the first of them."""
    drifted_features: list[str]
    champion_rmse_before: float | None
    champion_rmse_after: float | None
    """Over the windows since the shift that the champion answered."""
    incidents: list[str]
    data_faults: int
    skew: bool
    """Whether training and serving were found to prepare the inputs differently."""
    retraining_runs: int
    executions: int
    """Of the state machine, runs of the DAG, or starts of the command."""
    outcome: str | None
    reason: str | None
    trial: dict[str, float] | None
    """champion, challenger: their errors on the judging window; low, high: of the paired difference."""
    challenger_rmse: float | None
    """Over the windows that it answered; on the judging window where it was never deployed."""
    model_package: str | None
    model_package_status: str | None
    endpoint_config_before: str
    endpoint_config: str
    capture_enabled: bool
    baseline_version: int | None
    quiet_after: bool | None
    """Whether no window of the new model violated anything, and no incident is open."""
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answered:
    """What AWS says at the end; `approvals` holds each registered version's status by its ARN."""

    endpoint_config: str
    capture_enabled: bool
    approvals: dict[str, str]
    executions: int


def of_aws(aws: Aws, endpoint: str, group: str, executions: int) -> Answered:
    """Ask SageMaker for the endpoint and the group's versions; `executions` is what its target counted."""
    sagemaker = aws.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    packages = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    return Answered(
        endpoint_config=described["EndpointConfigName"],
        capture_enabled=described.get("DataCaptureConfig", {}).get("CaptureStatus") == "Started",
        approvals={each["ModelPackageArn"]: each["ModelApprovalStatus"] for each in packages},
        executions=executions,
    )


def summarise(
    connection: Connection,
    endpoint: str,
    first_config: str,
    plot: Plot,
    answered: Answered,
    seconds: float,
) -> Summary:
    """Read what the service found and did in so many seconds; `first_config` is what the story began with."""
    monitor = monitors.by_name(connection, endpoint)
    assert monitor is not None  # noqa: S101 (the service registered it in its first round)
    judged = executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY)
    ordered = sorted(judged, key=lambda execution: execution.start)
    quiet = [execution for execution in ordered if execution.start < plot.shift_at]
    after = [execution for execution in ordered if execution.start >= plot.shift_at]
    drifted = [_drifted(connection, execution) for execution in after]
    eras = deployments.eras(connection, monitor.id)
    champions = {era.id for era in eras if era.endpoint_config == first_config}
    challengers = {era.id for era in eras} - champions
    of_challenger = [execution for execution in after if execution.deployment_id in challengers]
    history = runs.history(connection, monitor.id)
    last = history[0] if history else None
    trial = _trial(connection, last)
    kinds = [incident.kind for incident in incidents.history(connection, monitor.id)]
    measured = executions.latest(connection, monitor.id, ExecutionKind.MODEL_QUALITY)
    realised = _pooled_rmse(connection, measured, challengers, plot.shift_at, None)
    return Summary(
        seed=plot.seed,
        rows_per_window=plot.rows,
        shift_sd=plot.shift,
        windows=len({execution.start for execution in ordered}),
        records=captures.totals(connection, monitor.id)[1],
        quiet_windows_before_drift=sum(execution.violations == 0 for execution in quiet),
        false_alarms=sum(execution.violations > 0 for execution in quiet),
        windows_to_detect=next((at for at, names in enumerate(drifted, start=1) if names), None),
        drifted_features=list(dict.fromkeys(name for names in drifted for name in names)),
        champion_rmse_before=_pooled_rmse(connection, measured, champions, None, plot.shift_at),
        champion_rmse_after=_pooled_rmse(connection, measured, champions, plot.shift_at, None),
        incidents=[str(kind) for kind in kinds],
        data_faults=kinds.count(IncidentKind.DATA_FAULT),
        skew=IncidentKind.SKEW in kinds,
        retraining_runs=len(history),
        executions=answered.executions,
        outcome=last.state.value if last else None,
        reason=last.told if last else None,
        trial=_told(trial),
        challenger_rmse=trial.challenger if trial and realised is None else realised,
        model_package=last.model_package if last else None,
        model_package_status=answered.approvals.get(last.model_package or "") if last else None,
        endpoint_config_before=first_config,
        endpoint_config=answered.endpoint_config,
        capture_enabled=answered.capture_enabled,
        baseline_version=_version(connection, eras[-1]),
        quiet_after=_is_quiet(connection, of_challenger) if of_challenger else None,
        seconds=round(seconds, 1),
    )


def _is_quiet(connection: Connection, of_challenger: Sequence[Execution]) -> bool:
    calm = all(each.violations == 0 for each in of_challenger)
    return calm and not incidents.open_ones(connection, of_challenger[0].monitor_id)


def _drifted(connection: Connection, execution: Execution) -> list[str]:
    return [
        check.feature
        for check in executions.checks(connection, execution.id)
        if check.check == Check.DRIFT and check.outcome is Outcome.VIOLATED
    ]


def _version(connection: Connection, era: Deployment) -> int | None:
    """The version of the baseline in force."""
    if era.baseline_id is None:
        return None
    return versions.load(connection, era.baseline_id).baseline.version


def _trial(connection: Connection, run: Run | None) -> Trial | None:
    found = runs.trials_of(connection, run.id) if run else ()
    return next((each for each in found if (each.dataset, each.metric) == (FRESH, RMSE)), None)


def _told(trial: Trial | None) -> dict[str, float] | None:
    if trial is None:
        return None
    return {
        "champion": trial.champion,
        "challenger": trial.challenger,
        "low": trial.low,
        "high": trial.high,
    }


def _pooled_rmse(
    connection: Connection,
    measured: Collection[Execution],
    eras: Collection[int],
    start: datetime | None,
    end: datetime | None,
) -> float | None:
    """The error over all labelled records of these eras in a period, from its windows' errors and counts."""
    squares, count = 0.0, 0
    for execution in measured:
        inside = (start is None or execution.start >= start) and (end is None or execution.start < end)
        if execution.deployment_id not in eras or not inside:
            continue
        for row in executions.metric_rows(connection, execution.id):
            if row.name == RMSE and row.value is not None:
                squares += row.value**2 * row.count
                count += row.count
    return math.sqrt(squares / count) if count else None

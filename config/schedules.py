"""What AWS says of a Model Monitor schedule that still runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from config.asking import SageMakerClient, asking
from config.facts import DiscoveryError, ScheduleFacts

_EVERY = re.compile(r"cron\(0 \d{1,2}/(\d{1,2}) \? \* \* \*\)")
_DAILY = re.compile(r"cron\(0 \d{1,2} \? \* \* \*\)")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FailedExecution:
    """An execution of a schedule that came to nothing: when it was due (UTC), and why in AWS's words."""

    name: str
    scheduled: datetime
    reason: str


def look_up_schedule(client: SageMakerClient, name: str) -> ScheduleFacts:
    """What the schedule and its job definition say.

    Raises:
        DiscoveryError: where there is no such schedule, it is of another kind than data quality, its hours
            don't divide a day, or AWS refuses or can't be reached.
    """
    with asking(client, "DescribeMonitoringSchedule", f"monitoring schedule {name}"):
        found = client.describe_monitoring_schedule(MonitoringScheduleName=name)
    kind = found.get("MonitoringType", "DataQuality")
    if kind != "DataQuality":
        raise DiscoveryError(f"monitoring schedule {name} is of {kind}; give one of DataQuality")
    config = found.get("MonitoringScheduleConfig") or {}
    job, inputs = _job(client, config)
    baseline = job.get("baseline") or {}
    outputs = ((job.get("output") or {}).get("MonitoringOutputs") or [{}])[0].get("S3Output") or {}
    endpoint = found.get("EndpointName") or (inputs.get("EndpointInput") or {}).get("EndpointName")
    if not endpoint or not outputs.get("S3Uri"):
        raise DiscoveryError(
            f"monitoring schedule {name} names no endpoint or no output; "
            "only schedules of endpoints can be followed"
        )
    return ScheduleFacts(
        name=name,
        endpoint=endpoint,
        status=str(found.get("MonitoringScheduleStatus", "")),
        results_uri=str(outputs["S3Uri"]).rstrip("/"),
        period=_period(name, str((config.get("ScheduleConfig") or {}).get("ScheduleExpression", ""))),
        statistics_uri=(baseline.get("StatisticsResource") or {}).get("S3Uri"),
        constraints_uri=(baseline.get("ConstraintsResource") or {}).get("S3Uri"),
    )


def _job(client: Any, config: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:  # noqa: ANN401
    """The baseline and output of a schedule, and its input: inside it, or in a job definition of its own."""
    name = config.get("MonitoringJobDefinitionName")
    if name is None:
        inside = config.get("MonitoringJobDefinition") or {}
        parts = {"baseline": inside.get("BaselineConfig"), "output": inside.get("MonitoringOutputConfig")}
        return parts, (inside.get("MonitoringInputs") or [{}])[0]
    with asking(client, "DescribeDataQualityJobDefinition", f"data quality job definition {name}"):
        found = client.describe_data_quality_job_definition(JobDefinitionName=name)
    parts = {
        "baseline": found.get("DataQualityBaselineConfig"),
        "output": found.get("DataQualityJobOutputConfig"),
    }
    return parts, found.get("DataQualityJobInput") or {}


def _period(name: str, expression: str) -> timedelta:
    """How much time an execution covers, by the forms of cron that Model Monitor takes; else an hour."""
    if _DAILY.fullmatch(expression):
        return 24 * _HOUR
    every = _EVERY.fullmatch(expression)
    hours = int(every[1]) if every else 1
    if not hours or 24 % hours:
        raise DiscoveryError(
            f"monitoring schedule {name} runs every {hours} hours, and windows divide a day; "
            "give one that runs every 1, 2, 3, 4, 6, 8, 12 or 24 hours"
        )
    return hours * _HOUR


def failed_executions(client: SageMakerClient, name: str, since: datetime) -> tuple[FailedExecution, ...]:
    """The schedule's executions that failed since then.

    Raises:
        DiscoveryError: where AWS refuses or can't be reached.
    """
    found: list[FailedExecution] = []
    more: dict[str, str] = {}
    while True:
        with asking(client, "ListMonitoringExecutions", f"the executions of monitoring schedule {name}"):
            page = client.list_monitoring_executions(
                MonitoringScheduleName=name, StatusEquals="Failed", ScheduledTimeAfter=since, **more
            )
        for each in page.get("MonitoringExecutionSummaries", ()):
            reason = str(each.get("FailureReason") or "no reason given")
            found.append(FailedExecution(name, each["ScheduledTime"].astimezone(UTC), reason))
        if not page.get("NextToken"):
            return tuple(found)
        more = {"NextToken": page["NextToken"]}

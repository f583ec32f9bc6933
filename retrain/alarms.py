"""The CloudWatch alarms that take a rollout back: are they there, and are they quiet?"""

from __future__ import annotations

from collections.abc import Sequence

from objects import AwsClient
from retrain.aws_calls import calling
from retrain.bench import Bench, RunFailedError
from retrain.rollout import RolloutError
from store.retraining import RunReason


def require(cloudwatch: AwsClient, names: Sequence[str], *, quiet: bool) -> None:
    """Ask CloudWatch for the metric alarms of these names; nothing is asked where there are none.

    SageMaker takes a rollout back at once while one of its alarms is in ALARM, so `quiet` asks that none is.

    Raises:
        RolloutError: where there is no alarm of a name, or CloudWatch refuses; and, retryable, where one is
            in ALARM and none may be.
    """
    if not names:
        return
    with calling("DescribeAlarms", f"alarms {', '.join(names)}", RolloutError, service="cloudwatch"):
        found = cloudwatch.describe_alarms(AlarmNames=list(names), MaxRecords=len(names))["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    if missing := [name for name in names if name not in states]:
        raise RolloutError(
            f"rollout.alarms names {', '.join(missing)}, and CloudWatch has no such metric alarm: make it "
            "in the endpoint's account and region, or take it out of kedge.yaml",
            False,
        )
    if quiet and (gone_off := [name for name in names if states[name] == "ALARM"]):
        raise RolloutError(
            f"{', '.join(gone_off)} is in ALARM, and SageMaker would take the rollout back at once: it "
            "begins when the alarm is over",
            True,
        )


def require_known(bench: Bench) -> None:
    """Fail the run where an alarm of its rollout is not there: better before the training than after it."""
    try:
        require(bench.world.cloudwatch(), bench.retrain.rollout.alarms, quiet=False)
    except RolloutError as error:
        if error.retryable:
            raise
        raise RunFailedError(RunReason.ROLLOUT_FAILED, str(error)) from error

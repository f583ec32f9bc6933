"""Whether the alarms that take a rollout back are there: what `kedge doctor` says of them."""

from __future__ import annotations

from collections.abc import Sequence

from config.findings import Finding, fine, refused
from objects import AwsClient
from retrain import alarms
from retrain.rollout import RolloutError

ALARMS = "alarms"


def of_alarms(cloudwatch: AwsClient, names: Sequence[str]) -> Finding:
    """What is said of the metric alarms of these names, of which there is one at least."""
    try:
        alarms.require(cloudwatch, names, quiet=False)
    except RolloutError as error:
        return refused(ALARMS, error)
    return fine(ALARMS, f"CloudWatch has {', '.join(names)}")

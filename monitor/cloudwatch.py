"""Model Monitor's metrics, put to CloudWatch in requests that it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from baselines.constraints import Constraints
from baselines.profile import codec
from config.model import CloudWatch, Endpoint
from monitor import measuring, metric_values
from monitor.metric_values import MetricValue, StatisticSet
from monitor.publish import schedule_name
from store import executions, windows
from store.records import Execution, ExecutionKind

REACH = timedelta(days=14)
"""CloudWatch refuses a metric that is older."""
MOST_METRICS = 1000
MOST_BYTES = 900_000
"""A request may have 1 MB before it is compressed; its own frame and JSON's escapes need some of that."""
_LONGEST_NAME = 255
_GREATEST = 2.0**360


class CloudWatchError(Exception):
    """What CloudWatch refuses, or that it can't be reached, in one sentence."""


class Client(Protocol):
    """What is used of a boto3 CloudWatch client; it compresses large requests by itself."""

    def put_metric_data(self, **request: Any) -> Any:  # noqa: ANN401 - boto3 makes it at run time
        """One PutMetricData."""


def client(region: str | None = None, role: str | None = None) -> Client:
    """A boto3 CloudWatch client from the ordinary credential chain, in a role where one is given.

    Raises:
        CloudWatchError: where the settings give none.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from objects import aws_client, aws_told

    # An attempt whose answer was lost may have counted: the fewer attempts, the less is counted twice
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 2})
    try:
        made: Client = aws_client("cloudwatch", region, role, config)
    except BotoCoreError as error:
        raise CloudWatchError(f"CloudWatch can't be asked: {aws_told(error)}") from error
    return made


def namespace(kind: ExecutionKind, endpoint: Endpoint, wanted: CloudWatch) -> str:
    """Where an execution's metrics go: the owner's namespace, or else Model Monitor's."""
    quality = kind is ExecutionKind.MODEL_QUALITY
    theirs = (
        f"aws/sagemaker/{'ModelMonitoring' if endpoint.batch else 'Endpoints'}/"
        f"{'model' if quality else 'data'}-metrics"
    )
    return (wanted.quality_namespace if quality else wanted.namespace) or theirs


def _schedule(execution: Execution, endpoint: Endpoint, wanted: CloudWatch) -> str:
    """The value of MonitoringSchedule: that of the metrics' own, or else the name in the result tree."""
    if execution.kind is ExecutionKind.MODEL_QUALITY and endpoint.quality_schedule is not None:
        return schedule_name(execution.variant, execution.kind, endpoint)
    return wanted.schedule or schedule_name(execution.variant, endpoint=endpoint)


def values(
    connection: Connection,
    execution: Execution,
    endpoint: Endpoint,
    constraints: Constraints,
    wanted: CloudWatch,
) -> tuple[MetricValue, ...]:
    """An execution's metrics, in an order that is always the same; none where the constraints say so.

    The time is the end of the window. A model's quality goes by Model Monitor's names (`rmse`, `mse`, …).
    """
    of = metric_values.dimensions(
        None if endpoint.batch else endpoint.name, _schedule(execution, endpoint, wanted)
    )
    if execution.kind is ExecutionKind.MODEL_QUALITY:
        if not constraints.monitoring.emit_metrics:
            return ()
        measured = measuring.cloudwatch(connection, execution, endpoint).items()
        found = (MetricValue(name, of, execution.end, value) for name, value in measured)
    else:
        encoded = windows.profile(connection, execution.window_id)
        if encoded is None:
            return ()
        results = executions.features(connection, execution.id)
        told = metric_values.of_data_quality(codec.decode(encoded), results, constraints, of, execution.end)
        found = (value for value in told)
    return tuple(sorted(filter(_takes, found), key=lambda value: value.name))


def _takes(value: MetricValue) -> bool:
    """Whether CloudWatch takes it: one value that it refuses would keep back those beside it."""
    told = value.value
    numbers = (told.total, told.minimum, told.maximum) if isinstance(told, StatisticSet) else (told,)
    return len(value.name) <= _LONGEST_NAME and all(abs(number) <= _GREATEST for number in numbers)


def requests(found: Sequence[MetricValue]) -> Iterator[tuple[MetricValue, ...]]:
    """The values in the order given, cut where a request is full."""
    begun: list[MetricValue] = []
    size = 0
    for value in found:
        weight = len(json.dumps(value.told(), default=str, ensure_ascii=True)) + 1
        if begun and (len(begun) == MOST_METRICS or size + weight > MOST_BYTES):
            yield tuple(begun)
            begun, size = [], 0
        begun.append(value)
        size += weight
    if begun:
        yield tuple(begun)


def put(to: Client, namespace: str, request: Sequence[MetricValue]) -> None:
    """Put one request.

    Raises:
        CloudWatchError: where CloudWatch refuses it or can't be reached.
    """
    with _asking(namespace):
        to.put_metric_data(Namespace=namespace, MetricData=[value.told() for value in request])


_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_REFUSED = frozenset({"InvalidParameterValue", "InvalidParameterCombination", "ValidationError"})


@contextmanager
def _asking(namespace: str) -> Iterator[None]:
    """Turn what CloudWatch and the way to it do wrong into one sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    what = f"the metrics for {namespace} are not in CloudWatch"
    later = "they are sent again at the next round"
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))
        if code in _DENIED:
            advice = f"allow cloudwatch:PutMetricData where cloudwatch:namespace is {namespace}"
        elif code in _REFUSED:
            advice = "it may not take this namespace from outside; give another by cloudwatch: {namespace: …}"
        else:
            advice = later
        raise CloudWatchError(f"{what} ({code}): {advice}") from error
    except BotoCoreError as error:
        raise CloudWatchError(f"{what} ({type(error).__name__}): {later}") from error

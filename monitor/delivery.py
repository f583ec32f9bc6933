"""What was judged, on its way out: the result tree and CloudWatch, each execution once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine

from baselines.constraints import Constraints
from config.model import Endpoint
from monitor import cloudwatch, publish
from monitor.measuring import FEWEST
from objects import Place
from store import executions, metrics_outbox
from store.engine import reading
from store.lease import Lease
from store.records import Deployment, Execution, ExecutionKind


def publish_waiting(
    engine: Engine, lease: Lease, place: Place, endpoint: Endpoint, known: Sequence[Deployment], now: datetime
) -> int:
    """Write the files of executions that have none in the result tree yet; how many they were.

    Raises PlaceError where they can't be written: they wait.
    """
    ended = {era.id: era.ended_at for era in known}
    with reading(engine) as connection:
        waiting = executions.unpublished(connection, lease.key, kinds=_published(endpoint))
    for execution in waiting:
        with reading(engine) as connection:
            files = publish.files(connection, execution, endpoint)
        name = publish.schedule_name(execution.variant, execution.kind, endpoint)
        publish.publish(place, endpoint.name, execution, ended[execution.deployment_id], files, name)
        with lease.transaction() as connection:
            executions.published(connection, execution.id, now)
    return len(waiting)


def _published(endpoint: Endpoint) -> tuple[ExecutionKind, ...]:
    """What goes to the result tree: a model's quality where it is held against a baseline."""
    if endpoint.quality_baseline is None:
        return (ExecutionKind.DATA_QUALITY,)
    return tuple(ExecutionKind)


def due(endpoint: Endpoint, now: datetime) -> metrics_outbox.Due:
    """What CloudWatch is to have by now.

    A window is told once, so its quality is not told of the first label that comes: it waits for as many as
    a verdict wants, or until the lateness has passed.
    """
    return metrics_outbox.Due(now - cloudwatch.REACH, now - endpoint.lateness, FEWEST)


def send_waiting(
    engine: Engine,
    lease: Lease,
    client: Callable[[str | None], cloudwatch.Client],
    endpoint: Endpoint,
    constraints: Callable[[Execution], Constraints],
    now: datetime,
) -> int:
    """Put the metrics of judged windows to CloudWatch; what it has is noted request by request.

    Raises CloudWatchError where it does not take them: they wait.
    """
    wanted = endpoint.cloudwatch
    if wanted is None:
        return 0
    with reading(engine) as connection:
        waiting = metrics_outbox.waiting(connection, lease.key, due(endpoint, now))
    for unsent in waiting:
        execution, sent = unsent.execution, unsent.sent
        asked = constraints(execution)
        with reading(engine) as connection:
            found = cloudwatch.values(connection, execution, endpoint, asked, wanted)
        namespace = cloudwatch.namespace(execution.kind, endpoint, wanted)
        for request in cloudwatch.requests(found[sent:]):
            cloudwatch.put(client(endpoint.role), namespace, request)
            sent += len(request)
            with lease.transaction() as connection:
                metrics_outbox.advance(connection, execution.id, sent)
        with lease.transaction() as connection:
            metrics_outbox.finish(connection, execution.id, now)
    return len(waiting)

"""Deployments: which endpoint config was in force when. Each row is an era."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from store.records import Deployment
from store.schema import deployments, monitors, objects, segments

_COLUMNS = [deployments.c[name] for name in Deployment.__slots__]


def eras(connection: Connection, monitor_id: int) -> tuple[Deployment, ...]:
    """Every era of the endpoint, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(deployments.c.monitor_id == monitor_id).order_by(deployments.c.started_at)
    )
    return tuple(Deployment(**row) for row in rows.mappings())


def lock(connection: Connection, monitor_id: int) -> None:
    """Let no other transaction begin an era of this endpoint before this one ends; its lease does it too."""
    connection.execute(select(monitors.c.id).where(monitors.c.id == monitor_id).with_for_update())


def begin(
    connection: Connection,
    monitor_id: int,
    *,
    started_at: datetime,
    endpoint_config: str | None,
    model_package: str | None,
    mixed_until: datetime | None = None,
    baseline_id: int | None = None,
) -> Deployment:
    """Open an era, and end the one before it at the same moment.

    Objects already counted into the era before with records from after that moment are forgotten, so that
    the next listing reads them again and splits them.
    """
    connection.execute(
        update(deployments)
        .where(deployments.c.monitor_id == monitor_id, deployments.c.ended_at.is_(None))
        .values(ended_at=started_at)
    )
    begun = insert(deployments).values(
        monitor_id=monitor_id,
        endpoint_config=endpoint_config,
        model_package=model_package,
        started_at=started_at,
        mixed_until=mixed_until,
        baseline_id=baseline_id,
    )
    deployment_id = connection.execute(begun.returning(deployments.c.id)).scalar_one()
    astray = select(segments.c.object_id).where(
        segments.c.monitor_id == monitor_id, segments.c.last_at >= started_at
    )
    connection.execute(update(objects).where(objects.c.id.in_(astray)).values(etag=""))
    return next(era for era in eras(connection, monitor_id) if era.id == deployment_id)


def set_baseline(connection: Connection, deployment_id: int, baseline_id: int) -> None:
    """The baseline that judges this era's windows from now on."""
    connection.execute(
        update(deployments).where(deployments.c.id == deployment_id).values(baseline_id=baseline_id)
    )


def adopt(
    connection: Connection, deployment_id: int, model_package: str | None, baseline_id: int | None
) -> None:
    """Give an era the model package and baseline that were prepared for it."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id)
        .values(model_package=model_package, baseline_id=baseline_id)
    )


def name_config(
    connection: Connection,
    deployment_id: int,
    endpoint_config: str,
    model_package: str | None,
    mixed_until: datetime | None,
) -> None:
    """What AWS says is in force, for an era that was opened before AWS could be asked."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id)
        .values(endpoint_config=endpoint_config, model_package=model_package, mixed_until=mixed_until)
    )

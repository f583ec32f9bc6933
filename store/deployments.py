"""Deployments: which endpoint config was in force when. Each row is an era."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from store.records import Deployment, Served
from store.rows import to_json
from store.schema import deployments, monitors, objects, segments

COLUMNS = [deployments.c[name] for name in Deployment.__slots__]


def of_row(row: Mapping[Any, Any]) -> Deployment:
    """The era of a row with `COLUMNS`."""
    served = json.loads(row["served"]) if row["served"] else ()
    return Deployment(**{**row, "served": tuple(Served(**each) for each in served)})


def eras(connection: Connection, monitor_id: int) -> tuple[Deployment, ...]:
    """Every era of the endpoint, oldest first."""
    rows = connection.execute(
        select(*COLUMNS).where(deployments.c.monitor_id == monitor_id).order_by(deployments.c.started_at)
    )
    return tuple(map(of_row, rows.mappings()))


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
    served: Sequence[Served] = (),
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
        served=_text(served),
    )
    deployment_id = connection.execute(begun.returning(deployments.c.id)).scalar_one()
    astray = select(segments.c.object_id).where(
        segments.c.monitor_id == monitor_id, segments.c.last_at >= started_at
    )
    connection.execute(update(objects).where(objects.c.id.in_(astray)).values(etag=""))
    return next(era for era in eras(connection, monitor_id) if era.id == deployment_id)


def set_models(connection: Connection, era: Deployment) -> None:
    """Which models serve in an era, and what judges them from now on, are as `era` has them."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == era.id)
        .values(model_package=era.model_package, baseline_id=era.baseline_id, served=_text(era.served))
    )


def name_config(
    connection: Connection, era: Deployment, endpoint_config: str, mixed_until: datetime | None
) -> None:
    """What AWS says is in force, for an era that was opened before AWS could be asked; the models too."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == era.id)
        .values(endpoint_config=endpoint_config, mixed_until=mixed_until)
    )
    set_models(connection, era)


def _text(served: Sequence[Served]) -> str | None:
    return to_json([asdict(each) for each in served]) if served else None

"""Silence after a rollout, out of the database: the week before counts, however short windows are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from config.model import Endpoint
from objects import s3_client
from retrain import early_readings
from retrain.bench import Bench, World
from store import runs, schema
from store.engine import writing
from store.lease import Lease
from store.records import Deployment, ExecutionKind, ExecutionStatus, Monitor
from store.retraining import Run, RunReason, RunState
from tests.clock import HOUR, MINUTE, NOON
from tests.loop.rig import FixedClock
from tests.store import world

DAY, WEEK = 24 * HOUR, 7 * 24 * HOUR
GRACE = 15 * MINUTE


def _judged(
    connection: Any, monitor: Monitor, era: Deployment, counts: dict[datetime, int], length: timedelta
) -> None:
    """Windows of one model, each with so many records."""
    mine = {"monitor_id": monitor.id}
    each: dict[str, Any] = {**mine, "variant": world.VARIANT, "deployment_id": era.id, "revision": 1}
    keyed = list(enumerate(counts.items(), 1))
    connection.execute(
        insert(schema.windows),
        [
            {
                **each,
                "id": key,
                "start": start,
                "end": start + length,
                "records": count,
                "dirty": False,
                "quality_dirty": False,
            }
            for key, (start, count) in keyed
        ],
    )
    verdict: dict[str, Any] = {
        **mine, "kind": ExecutionKind.DATA_QUALITY, "revision": 1, "status": ExecutionStatus.COMPLETED,
        "distance_mode": "Robust", "judged_at": NOON, "rejected": 0, "violations": 0, "message": "",
        "config_digest": "", "latest": True,
    }  # fmt: skip
    connection.execute(
        insert(schema.executions),
        [{**verdict, "window_id": key, "records": count} for key, (_, count) in keyed],
    )


def _silence(engine: Engine, length: timedelta, counts: dict[datetime, int]) -> str | None:
    """What is said of a model that was rolled out at noon and of which nothing came, after such windows."""
    entry = {
        "name": "abalone-prod", "capture": "file:///logs", "prediction": "rings", "ground_truth": "file:///labels",
        "window": length, "grace": GRACE,
        "retrain": {"when": ("volume > 5",), "target": {"local": "train"}, "registry": "abalone"},
    }  # fmt: skip
    endpoint, clock = Endpoint.model_validate(entry), FixedClock(NOON + 2 * length + GRACE)
    with writing(engine) as connection:
        monitor = world.watched(connection)
        old = world.era(connection, monitor, NOON - 2 * WEEK)
        new = world.era(connection, monitor, NOON, "config-2")
        _judged(connection, monitor, old, counts, length)
        seen = {"counted_since": NOON - DAY, "counted_until": clock.at}
        connection.execute(update(schema.monitors).values(**seen))
        run = _deployed(connection, monitor, old, new)
    acting = World(engine, clock, lambda _: s3_client(None), _nobody, lambda *_: _nobody(), "test")
    lease = Lease(engine, runs, run.id, "test", HOUR, bool)
    return early_readings.sign(run, Bench(acting, endpoint, endpoint.retrain, lease, clock.at), labelled=True)


def _nobody() -> Any:
    raise AssertionError("nobody is to be asked")


def _deployed(connection: Any, monitor: Monitor, old: Deployment, new: Deployment) -> Run:
    run = runs.request(
        connection, monitor_id=monitor.id, endpoint=monitor.name, variant=world.VARIANT, deployment_id=old.id,
        incident_id=None, reason=RunReason.BY_HAND, told="", change_at=NOON, deadline=NOON, now=NOON,
    )  # fmt: skip
    return runs.move(
        connection, run, RunState.DEPLOYED, RunReason.IN_SERVICE, "", NOON, new_deployment_id=new.id
    )


def _every(length: timedelta, since: timedelta, records: int = 500) -> dict[datetime, int]:
    return {NOON - since + at * length: records for at in range(since // length)}


@pytest.mark.parametrize("length", [MINUTE, 5 * MINUTE, HOUR])
def test_the_week_before_counts_however_short_windows_are(database: Engine, length: timedelta) -> None:
    told = _silence(database, length, _every(length, WEEK + HOUR))
    before = WEEK // length - 1  # in the last of them both models may have answered
    assert told == (
        "0 records came in the first 2 windows since the rollout, where not one of the "
        f"{before} before had fewer than 500."
    )


@pytest.mark.parametrize("length", [MINUTE, 5 * MINUTE, HOUR])
def test_a_night_without_anybody_days_ago_keeps_a_model(database: Engine, length: timedelta) -> None:
    counts = _every(length, WEEK)
    del counts[NOON - 6 * DAY]
    assert _silence(database, length, counts) is None


def test_less_than_a_day_of_short_windows_says_nothing(database: Engine) -> None:
    assert _silence(database, MINUTE, _every(MINUTE, DAY)) is None

"""Retraining on both databases: pages, answers, words."""

from __future__ import annotations

from sqlalchemy import Engine

from store import monitors, runs
from store.engine import reading, writing
from store.retraining import RunState
from tests.web import retraining
from tests.web.history import BEGIN, ENDPOINT, tell
from tests.web.retraining import RUN
from tests.web.serving import client, serving


def test_runs_are_served_counted_and_told(database: Engine) -> None:
    told = tell(database, hours=40, shifted_from=30)
    api = f"/api/v1/endpoints/{ENDPOINT}"
    paths = [
        "/",
        f"/endpoints/{ENDPOINT}",
        f"/runs/{RUN}",
        "/metrics",
        f"{api}/runs",
        f"{api}/decisions",
        f"/api/v1/runs/{RUN}",
    ]
    with writing(database) as connection:
        monitors.register(connection, "without-runs", "c" * 64, BEGIN)
        retraining.refused(connection, told)
        retraining.registered(connection, told)
    with serving(database, told.now) as address, client(address) as visitor:
        answers = {path: visitor.get(path).status_code for path in paths}
        absent = visitor.get("/runs/kedge-%00").status_code
        said = visitor.post(f"/runs/{RUN}/approve").status_code
    with reading(database) as connection:
        counts = runs.counts(connection)
        run = runs.by_name(connection, RUN)
    assert answers == dict.fromkeys(paths, 200)
    assert (absent, said) == (404, 303)
    assert counts == {ENDPOINT: dict.fromkeys(RunState, 0) | {RunState.REGISTERED: 1}}
    assert run is not None
    assert run.approval == "approve"

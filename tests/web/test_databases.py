"""Every page and every answer, on both databases."""

from __future__ import annotations

from sqlalchemy import Engine

from tests.web.history import ENDPOINT, tell
from tests.web.serving import client, serving


def test_every_page_is_served(database: Engine) -> None:
    told = tell(database, hours=24, shifted_from=20)
    key, incident = told.judged[-1].id, told.drift_incident
    api = f"/api/v1/endpoints/{ENDPOINT}"
    paths = [
        "/",
        "/?q=abalone&state=drifting",
        f"/endpoints/{ENDPOINT}?last=12&feature=boat&metric=mae",
        f"/endpoints/{ENDPOINT}?start=2026-03-02T03:00&end=2026-03-02T09:00",
        f"/executions/{key}",
        f"/incidents/{incident}",
        "/metrics",
        "/api/v1/fleet",
        f"/api/v1/executions/{key}",
        f"/api/v1/incidents/{incident}",
        api,
        *(
            f"{api}/{part}"
            for part in ("drift", "quality", "executions", "incidents", "baselines", "eras", "rejects")
        ),
    ]
    with serving(database, told.now) as address, client(address) as visitor:
        answers = {path: visitor.get(path).status_code for path in paths}
        marked = visitor.post(f"{api}/judge").json()
    assert answers == dict.fromkeys(paths, 200)
    assert marked == {"marked": 24}

"""What goes wrong is a sentence: a page for people, JSON for programs, the place in the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import Engine
from structlog.testing import capture_logs

from config.model import Config
from store.engine import open_engine
from tests.web.history import BEGIN, ENDPOINT, Told
from tests.web.serving import client, serving


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/endpoints/nobody", "No endpoint called nobody was ever watched here"),
        ("/endpoints/a%00b", "was ever watched here"),
        ("/executions/4711", "There is no execution 4711"),
        ("/incidents/4711", "There is no incident 4711"),
        ("/reports/4711", "There is no report 4711"),
        ("/nowhere", "There is no such page"),
    ],
)
def test_what_is_not_there_is_named(visitor: httpx.Client, path: str, sentence: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 404
    assert sentence in page.text
    assert 'href="/"' in page.text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "endpoints/nobody",
            "No endpoint called nobody was ever watched here: see the fleet for those that are.",
        ),
        (
            "endpoints/nobody/drift",
            "No endpoint called nobody was ever watched here: see the fleet for those that are.",
        ),
        ("executions/4711", "There is no execution 4711: its metrics may have outlived their retention."),
        ("nowhere", "There is no such page."),
    ],
)
def test_programs_get_the_sentence_as_json(visitor: httpx.Client, path: str, sentence: str) -> None:
    answer = visitor.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()) == (404, {"error": sentence})


@pytest.mark.parametrize("key", ["0", "-1", "99999999999999999999999", "x"])
def test_odd_keys_are_refused(visitor: httpx.Client, key: str) -> None:
    for kind in ("executions", "incidents", "reports"):
        assert visitor.get(f"/{kind}/{key}").status_code == 400
    assert set(visitor.get(f"/api/v1/executions/{key}").json()) == {"error"}


def test_another_method_is_refused(visitor: httpx.Client) -> None:
    assert visitor.post("/").status_code == 405
    answer = visitor.delete("/api/v1/fleet")
    assert answer.status_code == 405
    assert set(answer.json()) == {"error"}


def test_names_from_the_address_are_escaped(visitor: httpx.Client) -> None:
    page = visitor.get("/endpoints/%3Cscript%3Ealert(1)")
    assert page.status_code == 404
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.fixture
def no_tables(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'nothing.db'}")
    yield engine
    engine.dispose()


def test_a_database_that_does_not_answer_is_a_sentence(no_tables: Engine) -> None:
    with serving(no_tables, BEGIN) as address, client(address) as visitor:
        page, api, metrics = (visitor.get(p) for p in ("/", "/api/v1/fleet", "/metrics"))
        health = visitor.get("/healthz")
    assert (page.status_code, api.status_code, metrics.status_code) == (503, 503, 503)
    assert "run &#39;kedge db upgrade&#39;" in page.text
    assert "did not answer" in api.json()["error"]
    assert "did not answer" in metrics.text
    assert "Traceback" not in page.text + metrics.text
    assert health.status_code == 200


def test_what_nobody_foresaw_has_an_id_and_no_traceback(history: Engine, told: Told) -> None:
    def broken() -> Config:
        raise RuntimeError("a captured value: 4711")

    structlog.reset_defaults()
    with (
        capture_logs() as logs,
        serving(history, told.now, config=broken) as address,
        client(address) as visitor,
    ):
        page = visitor.get(f"/endpoints/{ENDPOINT}")
    assert page.status_code == 500
    assert "Traceback" not in page.text
    assert "4711" not in page.text
    entry = next(entry for entry in logs if entry["event"] == "unforeseen")
    assert entry["id"] in page.text
    assert entry["error"] == "RuntimeError"
    assert any(__file__ in place for place in entry["where"])
    assert "4711" not in str(entry), "an error's message may quote captured values"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_readiness_gives_the_reason(history: Engine, told: Told) -> None:
    reasons: list[str | None] = ["the first tick has not run yet: wait"]
    with serving(history, told.now, ready=lambda: reasons[0]) as address, client(address) as visitor:
        not_yet = visitor.get("/readyz")
        reasons[0] = None
        now = visitor.get("/readyz")
    assert (not_yet.status_code, not_yet.text) == (503, "the first tick has not run yet: wait\n")
    assert (now.status_code, now.text) == (200, "ready\n")

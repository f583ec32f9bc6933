"""What lags is shown as lag: on the fleet page and the endpoint's, in the API, at /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from store import monitors, turns
from store.engine import writing
from tests.web.history import BEGIN, ENDPOINT
from tests.web.serving import client, serving
from tests.web.test_metrics import of, scrape
from web.rendering import moment

MINUTE = timedelta(minutes=1)
NOW = BEGIN + 60 * MINUTE


@pytest.fixture
def engine(empty: Engine) -> Engine:
    """Two endpoints: one with 1200 objects that wait, and one whose turn is three hours overdue."""
    with writing(empty) as connection:
        behind = monitors.register(connection, ENDPOINT, "c", BEGIN)
        turns.conclude(connection, behind.id, None, 1200, BEGIN + 10 * MINUTE)
        overdue = monitors.register(connection, "overdue", "c", BEGIN)
        wall = datetime.now(UTC)
        turns.again_at(connection, [behind.id], wall + 60 * MINUTE)
        turns.again_at(connection, [overdue.id], wall - 180 * MINUTE)
    return empty


@pytest.fixture
def asked(engine: Engine) -> Iterator[httpx.Client]:
    with serving(engine, NOW) as address, client(address) as visitor:
        yield visitor


def _flat(text: str) -> str:
    """The text with single spaces, of which numbers have thin ones."""
    return " ".join(text.split())


def test_the_fleet_page_says_what_waits_and_since_when(asked: httpx.Client) -> None:
    page, since = _flat(asked.get("/").text), moment(BEGIN + 10 * MINUTE)
    assert "1 endpoint waits to be looked at, the first 3 h" in page
    assert f"1 200 objects of 1 endpoint wait to be counted, the oldest from {since} UTC" in page
    assert f"1 200 wait since {since}" in page


def test_the_endpoints_page_says_it_too(asked: httpx.Client) -> None:
    page = _flat(asked.get(f"/endpoints/{ENDPOINT}").text)
    assert "1 200 more wait to be counted, the oldest from" in page
    assert "to be counted" not in asked.get("/endpoints/overdue").text


def test_the_api_tells_the_endpoints_lag_and_the_fleets(asked: httpx.Client) -> None:
    answer = asked.get("/api/v1/fleet").json()
    assert (answer["overdue"], answer["waiting_objects"]) == (1, 1200)
    since = datetime.fromisoformat(answer["overdue_since"])
    assert timedelta(0) <= datetime.now(UTC) - since - 180 * MINUTE < MINUTE
    told = {one["name"]: (one["waiting_objects"], one["waiting_since"]) for one in answer["endpoints"]}
    assert told["overdue"] == (0, None)
    assert told[ENDPOINT][0] == 1200
    assert datetime.fromisoformat(told[ENDPOINT][1]) == BEGIN + 10 * MINUTE


def test_prometheus_reads_it(asked: httpx.Client) -> None:
    samples = scrape(asked)
    assert samples[of("kedge_endpoint_waiting_objects")] == 1200
    assert samples[of("kedge_endpoint_waiting_age_seconds")] == 50 * 60
    assert of("kedge_endpoint_waiting_age_seconds", endpoint="overdue") not in samples
    assert samples["kedge_turns_overdue", ()] == 1
    assert 180 * 60 <= samples["kedge_turns_overdue_seconds", ()] < 181 * 60


def test_a_fleet_that_keeps_up_says_nothing_of_lag(empty: Engine) -> None:
    with writing(empty) as connection:
        monitor = monitors.register(connection, ENDPOINT, "c", BEGIN)
        turns.again_at(connection, [monitor.id], datetime.now(UTC) + MINUTE)
    with serving(empty, NOW) as address, client(address) as visitor:
        page = visitor.get("/").text
        assert "looked at" not in page
        assert "to be counted" not in page
        assert scrape(visitor)["kedge_turns_overdue_seconds", ()] == 0


def test_endpoints_that_never_had_a_turn_wait_from_their_enrolment(empty: Engine) -> None:
    with writing(empty) as connection:
        monitors.register(connection, "registered", "c", BEGIN)
        turns.enrol(connection, {"enrolled": "c"}, BEGIN)
        turns.all_at_once(connection)
        lag = turns.lag(connection, datetime.now(UTC) + 100 * MINUTE)
    assert lag.overdue == 2
    assert lag.overdue_since is not None
    assert timedelta(0) <= datetime.now(UTC) - lag.overdue_since < MINUTE
    with serving(empty, NOW) as address, client(address) as visitor:
        samples = scrape(visitor)
        assert samples["kedge_turns_overdue", ()] == 2
        assert samples["kedge_turns_overdue_seconds", ()] > 0


def test_who_is_called_at_once_waits_no_shorter_for_it(engine: Engine) -> None:
    with writing(engine) as connection:
        before = turns.lag(connection, datetime.now(UTC)).overdue_since
        turns.all_at_once(connection)
        turns.enrol(connection, {"overdue": "other"}, BEGIN)
        assert turns.lag(connection, datetime.now(UTC)).overdue_since == before

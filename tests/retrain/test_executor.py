"""A round over several endpoints: what goes wrong at one, and of what there is nothing to ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from config.model import Endpoint
from retrain import executor
from retrain.bench import World
from retrain.deciding import Answer, decide_endpoint
from retrain.executor import Executor
from store import deployments, monitors
from store.engine import StoreError, writing
from tests.clock import HOUR, NOON
from tests.retrain.test_decided_windows import LOUD, NAME, endpoint, followed, of_variant
from tests.store.world import VARIANT, era, judge, verdict, watched, window


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON + HOUR


@pytest.fixture
def acting(database: Engine) -> Executor:
    def nobody(*_: object) -> Any:
        raise AssertionError("nobody is to be asked")

    return Executor(World(database, Noon(), nobody, nobody, nobody, replica="one", ssm=nobody))


def test_a_deadlock_at_one_endpoint_is_not_the_others(
    database: Engine, acting: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = endpoint("volume > 500").model_copy(update={"name": "zebra"})
    with writing(database) as connection:
        for name in (NAME, other.name):
            monitor = watched(connection, name)
            judge(connection, window(connection, monitor, era(connection, monitor)))
    asked: list[str] = []

    def meets(engine: Engine, each: Endpoint, *_: object) -> Answer:
        asked.append(each.name)
        raise StoreError("the database did not answer (deadlock detected)")

    monkeypatch.setattr(executor, "decide_endpoint", meets)
    acting.round([endpoint("volume > 500"), other])
    assert asked == [NAME, other.name]

    def away(_: Engine) -> None:
        raise StoreError("the database did not answer (connection refused)")

    asked.clear()
    monkeypatch.setattr(executor, "ping", away)
    with pytest.raises(StoreError, match="refused"):
        acting.round([endpoint("volume > 500"), other])
    assert asked == [NAME], "it is not there for the others either"


def test_where_there_is_nothing_to_decide_on_it_is_asked_once(
    database: Engine, acting: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(database)
    answers: list[Answer] = []

    def counted(*given: Any) -> Answer:
        answers.append(decide_endpoint(*given))
        return answers[-1]

    monkeypatch.setattr(executor, "decide_endpoint", counted)
    entry = endpoint("volume > 500")
    for _ in range(3):
        acting.round([entry])
    assert answers == [Answer.NOTHING]
    acting.round([endpoint("volume > 900")])
    assert answers == [Answer.NOTHING] * 2, "another entry may name a variant"
    with writing(database) as connection:
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        (only,) = deployments.eras(connection, monitor.id)
        of_variant(connection, monitor, only, 0, verdict(records=LOUD), VARIANT)
    monkeypatch.setattr(executor, "advance", lambda *_: 0)
    acting.round([entry])
    acting.round([entry])
    assert answers[2:] == [Answer.RUN]

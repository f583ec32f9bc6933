"""Turns of an endpoint whose captures a queue announces: it rests unlisted until something is announced."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from config.model import Endpoint
from monitor.rounds import Round
from monitor.turns import TURN, Bound
from store import turns
from store.engine import writing
from store.turns import Standing
from tests.clock import HOUR, MINUTE, NOON
from tests.faults import FaultyAws
from tests.notifications.test_two_ways import Listener, _station
from tests.observing.yard import records


def _standing(service: Listener, entry: Endpoint) -> Standing:
    with writing(service.station.watch.engine) as connection:
        turns.enrol(connection, {entry.name: entry.digest}, NOON)
        turns.all_at_once(connection)
        now = datetime.now(UTC)
        (standing,) = turns.take(connection, now, now + HOUR, 9)
    return standing


def _turn(service: Listener, entry: Endpoint, bound: Bound = TURN) -> Round:
    done = service.observer.turn(entry, _standing(service, entry), bound=bound)
    assert done is not None
    assert done.problem is None, done.problem
    return done


def test_it_rests_without_listing_until_something_is_announced(
    faulty_aws: FaultyAws, database: Engine
) -> None:
    station = _station(database)
    entry = station.entry(list_every="2h")
    with station.listening(entry) as service:
        station.watch.clock.at = NOON
        _turn(service, entry)
        _turn(service, entry)
        listed = faulty_aws.seen("GET bucket")
        for _ in range(3):
            assert _turn(service, entry) == Round()
        assert faulty_aws.seen("GET bucket") == listed, "a turn without news lists nothing"
        station.yard.capture("abalone", records(1, NOON), name="a")
        assert service.told(1)
        assert _turn(service, entry).objects == 1
        assert station.keys()
        assert _turn(service, entry).idle
        assert faulty_aws.seen("GET bucket") == listed, "what is announced is read without listing"


def test_a_turn_that_comes_to_its_bound_keeps_what_it_was_told(aws: str, database: Engine) -> None:
    station = _station(database)
    entry = station.entry(list_every="2h")
    with station.listening(entry) as service:
        station.watch.clock.at = NOON
        _turn(service, entry)
        for at in range(5):
            station.yard.capture("abalone", records(at, NOON + at * MINUTE), name=f"{at}")
        assert service.told(5)
        first = _turn(service, entry, Bound(2, 2**40, 48))
        assert (first.objects, first.more) == (2, True)
        assert station.left() >= 5, "nothing is deleted as long as some of it is not counted"
        assert _turn(service, entry).objects == 3
        assert len(station.keys()) == 5
        _turn(service, entry)
        assert not service.reception.letters(entry).ids


def test_what_is_announced_has_its_turn_at_once(aws: str, database: Engine) -> None:
    station = _station(database)
    entry = station.entry()
    with station.listening(entry) as service:
        station.watch.clock.at = NOON
        _turn(service, entry)
        station.yard.capture("abalone", records(1, NOON), name="a")
        assert service.told(1)
        assert service.reception.waiting() == {"abalone"}
        now = datetime.now(UTC)
        with writing(database) as connection:
            assert not turns.take(connection, now, now + HOUR, 9)
            assert not turns.take(connection, now, now + HOUR, 9, ["nobody"])
            mine = turns.take(connection, now, now + HOUR, 9, sorted(service.reception.waiting()))
            assert [one.monitor.name for one in mine] == ["abalone"]

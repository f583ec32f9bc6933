"""Training data that comes to a prefix, as the database keeps it: once each, whoever looks and whenever."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from objects import ObjectRef
from retrain.new_data import sizes
from store import monitors, new_data
from store.engine import reading, writing
from store.retraining import Arrived
from tests.clock import MINUTE, NOON

URI = "s3://bucket/new"
LOOK = 15 * MINUTE


def watched(engine: Engine) -> int:
    with writing(engine) as connection:
        return monitors.register(connection, "abalone", "d" * 64, NOON).id


def look(engine: Engine, monitor_id: int, minutes: int, listed: dict[str, int]) -> int | None:
    """A look at so many minutes past noon; how many objects are new, None where no look was due."""
    now = NOON + minutes * MINUTE
    with writing(engine) as connection:
        prefix_id = new_data.claim(connection, monitor_id, URI, LOOK, now)
    if prefix_id is None:
        return None
    with writing(engine) as connection:
        return new_data.saw(connection, prefix_id, listed, now)


def arrived(engine: Engine, monitor_id: int) -> Arrived | None:
    with reading(engine) as connection:
        return new_data.arrived(connection, monitor_id, URI)


def test_what_was_there_at_first_sight_is_not_new(database: Engine) -> None:
    mine = watched(database)
    assert look(database, mine, 0, {"a": 5}) == 0
    assert arrived(database, mine) is None
    assert look(database, mine, 15, {"a": 5, "b": 7, "c": 1}) == 2
    assert look(database, mine, 30, {"a": 5, "b": 7, "c": 1}) == 0
    found = arrived(database, mine)
    assert found is not None
    assert (found.objects, found.size, found.first_at, found.whole) == (2, 8, NOON + LOOK, True)
    with writing(database) as connection:
        new_data.act(connection, mine, found.upto)
    assert arrived(database, mine) is None
    assert look(database, mine, 45, {"b": 7, "c": 1}) == 0, "what went is nothing that came"


def test_a_first_look_that_was_killed_is_made_again(database: Engine) -> None:
    mine = watched(database)
    with writing(database) as connection:
        assert new_data.claim(connection, mine, URI, LOOK, NOON) is not None
    assert look(database, mine, 15, {"a": 5}) == 0, "it was there before anybody had looked"
    assert arrived(database, mine) is None


def test_a_look_that_failed_or_is_under_way_makes_no_batch_whole(database: Engine) -> None:
    mine = watched(database)
    look(database, mine, 0, {})
    assert look(database, mine, 15, {"part-0": 5}) == 1
    with writing(database) as connection:
        under_way = new_data.claim(connection, mine, URI, LOOK, NOON + 2 * LOOK)
    assert under_way is not None
    half = arrived(database, mine)
    assert half is not None
    assert not half.whole, "nobody has seen that nothing more came"
    assert look(database, mine, 45, {"part-0": 5, "part-1": 6}) == 1
    with writing(database) as connection:
        assert new_data.saw(connection, under_way, {"part-0": 5}, NOON + 2 * LOOK) == 0
    half = arrived(database, mine)
    assert half is not None
    assert not half.whole, "the slow look ended after the one that saw more, and saw less"
    assert look(database, mine, 60, {"part-0": 5, "part-1": 6}) == 0
    found = arrived(database, mine)
    assert found is not None
    assert (found.objects, found.whole) == (2, True)


def test_a_prefix_that_is_fed_without_a_pause_is_whole_after_a_day(database: Engine) -> None:
    mine = watched(database)
    look(database, mine, 0, {})
    lies: dict[str, int] = {}
    for hour in range(1, 26):
        before = arrived(database, mine)
        assert before is None or not before.whole, f"hour {hour}"
        lies[f"part-{hour:02}"] = 5
        assert look(database, mine, 60 * hour, lies) == 1
    found = arrived(database, mine)
    assert found is not None
    assert (found.objects, found.whole) == (25, True)


def test_one_replica_takes_a_look(database: Engine) -> None:
    mine = watched(database)
    assert look(database, mine, 0, {}) == 0
    assert look(database, mine, 1, {"a": 5}) is None
    assert look(database, mine, 15, {"a": 5}) == 1
    assert look(database, mine, 15, {"a": 5}) is None


def test_a_slow_look_counts_nothing_twice(database: Engine) -> None:
    mine = watched(database)
    look(database, mine, 0, {})
    with writing(database) as connection:
        slow = new_data.claim(connection, mine, URI, LOOK, NOON + LOOK)
    assert slow is not None
    assert look(database, mine, 30, {"a": 5, "b": 6}) == 2
    with writing(database) as connection:
        assert new_data.saw(connection, slow, {"a": 5}, NOON + 2 * LOOK) == 0
    found = arrived(database, mine)
    assert found is not None
    assert found.objects == 2


def test_another_prefix_begins_anew(database: Engine) -> None:
    mine = watched(database)
    look(database, mine, 0, {"a": 5})
    with writing(database) as connection:
        other = new_data.claim(connection, mine, "s3://bucket/other", timedelta(days=1), NOON)
        assert other is not None
        assert new_data.saw(connection, other, {"a": 5}, NOON) == 0


@given(st.lists(st.tuples(st.text(max_size=5), st.text("ab", max_size=2), st.integers(0, 3)), max_size=20))
def test_an_object_is_its_key_and_its_content(given: list[tuple[str, str, int]]) -> None:
    listed = [ObjectRef("bucket", key, etag, size, NOON) for key, etag, size in given]
    kept = {(key, etag) for key, etag, size in given if size}
    assert len(sizes(listed)) == len(kept)

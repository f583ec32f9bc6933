"""What one more object costs a window that holds many, and that it makes no other profile of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, event, func, select

import objects
from baselines.profile import codec
from baselines.profile.profile import Profile, profile_frame
from monitor import evidence, rollups
from store import retention
from store import rollups as stored_rollups
from store.records import Deployment, Monitor, Piece, Window
from store.schema import rollups as rollups_table
from tests.baselines.test_profiles_add_up import assert_same_but_for_rounding
from tests.clock import HOUR, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records
from tests.store import world

MANY = 150


def _profile(seed: int, rows: int = 40) -> Profile:
    chance = np.random.default_rng(seed)
    return profile_frame(
        pl.DataFrame(
            {
                "length": [repr(float(x)) for x in chance.normal(0.5, 0.1, rows)],
                "sex": chance.choice(["F", "I", "M"], rows),
            }
        ),
        text=["sex"],
    )


def _put(
    connection: Connection, monitor: Monitor, era: Deployment, name: int, seed: int, minutes: int = 0
) -> None:
    """An object of a name; anew where there is one, with other records."""
    start = NOON + minutes * HOUR
    given = world.segment(era, start, codec.encode(_profile(seed)), 40, rejected=seed % 3)
    world.capture(connection, monitor, f"abalone/{name:04}.jsonl", given, etag=f"{seed}")


def _judged(connection: Connection, window: Window) -> tuple[bytes, int]:
    """As a verdict takes a window's records."""
    found = evidence.gather(connection, window)
    evidence.keep(connection, window, found)
    return codec.encode(found.profile), found.rejected


def _anew(connection: Connection, window: Window) -> tuple[bytes, int]:
    """From the segments alone, without any sum that was kept."""
    with connection.begin_nested() as aside:
        connection.execute(delete(rollups_table))
        found = evidence.gather(connection, window)
        aside.rollback()
    return codec.encode(found.profile), found.rejected


def _kept(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(rollups_table)).scalar_one()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 10_000), st.sampled_from([0, 0, 0, 0, 1])),
        min_size=5,
        max_size=60,
    ),
    st.integers(1, 20),
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_kept_sums_change_no_bit(database: Engine, given: list[tuple[int, int, int]], worth: int) -> None:
    """Objects come in any order, are replaced, go to another window; a verdict follows on many of them."""
    with patch.object(rollups, "WORTH_KEEPING", worth), world.began(database) as (connection, monitor, era):
        window = world.window(connection, monitor, era)
        for name, seed, hours in given:
            _put(connection, monitor, era, name, seed, hours)
            if seed % 3:
                assert _judged(connection, window) == _anew(connection, window)
        assert _judged(connection, window) == _anew(connection, window)
        connection.rollback()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("worth", [1, 5])
def test_a_window_that_grows_at_its_end_keeps_no_sum_that_goes_on(database: Engine, worth: int) -> None:
    with patch.object(rollups, "WORTH_KEEPING", worth), world.began(database) as (connection, monitor, era):
        window = world.window(connection, monitor, era)
        for name in range(60):
            _put(connection, monitor, era, name, name)
            assert _judged(connection, window) == _anew(connection, window)
        levels = connection.execute(select(rollups_table.c.level).distinct()).scalars().all()
        assert len(levels) > 1, "the names are too few for a sum of sums"


def test_the_order_of_arrival_changes_no_bit(database: Engine) -> None:
    found = []
    for seed in range(3):
        with world.began(database) as (connection, monitor, era):
            window = world.window(connection, monitor, era)
            order = np.random.default_rng(seed).permutation(MANY)
            for at, name in enumerate(order):
                if name % 7 == 0:  # one that is written anew later
                    _put(connection, monitor, era, int(name), 5000)
                _put(connection, monitor, era, int(name), int(name))
                if at % 4 == 0:
                    _judged(connection, window)
            assert _kept(connection) > 0
            found.append(_judged(connection, window))
            connection.rollback()
    assert found[0] == found[1] == found[2]
    whole = _profile(0)
    for name in range(1, MANY):
        whole = whole + _profile(name)
    assert_same_but_for_rounding(codec.decode(found[0][0]), whole)
    assert found[0][1] == sum(name % 3 for name in range(MANY))


def test_an_object_that_is_replaced_is_taken_out_to_the_last_record(database: Engine) -> None:
    with world.began(database) as (connection, monitor, era):
        window = world.window(connection, monitor, era)
        for name in range(MANY):
            _put(connection, monitor, era, name, name)
        before = _judged(connection, window)
        assert _kept(connection) > 0
        for name in (0, 70, MANY - 1):
            _put(connection, monitor, era, name, 9000 + name)
            assert _judged(connection, window) != before
            _put(connection, monitor, era, name, name)
            assert _judged(connection, window) == before


def test_a_settled_window_keeps_no_sums(database: Engine) -> None:
    with world.began(database) as (connection, monitor, era):
        window = world.window(connection, monitor, era)
        for name in range(MANY):
            _put(connection, monitor, era, name, name)
        _judged(connection, window)
        world.judge(connection, window)
        late = NOON + 72 * HOUR
        retention.forget(
            connection,
            monitor.id,
            segments_before=late,
            predictions_before=NOON - HOUR,
            profiles_before=NOON - HOUR,
            metrics_before=NOON - HOUR,
        )
        assert _kept(connection) == 0


def test_sums_go_with_the_objects_in_them(database: Engine) -> None:
    """An object whose record is let go takes its segments along: no sum may still hold them."""
    with world.began(database) as (connection, monitor, era):
        window = world.window(connection, monitor, era)
        for name in range(MANY):
            _put(connection, monitor, era, name, name)
        _judged(connection, window)
        retention.forget(
            connection,
            monitor.id,
            segments_before=NOON - HOUR,
            predictions_before=NOON - HOUR,
            profiles_before=NOON - HOUR,
            metrics_before=NOON + HOUR,
        )
        assert evidence.gather(connection, window).profile.rows == 0


def test_places_are_in_the_order_of_keys_and_no_two_are_one() -> None:
    longest = "x" * 1024
    keys = ["a/1.jsonl", "a/10.jsonl", "a/2.jsonl", "b", "\u00e9", longest, longest[:-1] + "y"]
    places = [stored_rollups.place("logs", key) for key in keys]
    assert sorted(places[:5]) == places[:5]
    assert len({*places, *(stored_rollups.place("other", key) for key in keys)}) == 2 * len(keys)
    assert max(map(len, places)) <= 512


def test_additions_grow_with_the_logarithm() -> None:
    """Of 20,000 objects, with the sums of one evaluation kept, another takes dozens of additions."""

    def pieces(names: range) -> list[Piece]:
        return sorted((Piece(f"{n:06}.jsonl|x", b"", 0) for n in names), key=lambda one: one.place)

    whole = rollups.plan((), pieces(range(20_000)))
    assert whole is not None
    assert whole.additions == 19_999
    heights = [rollups.height(piece.place) for piece in pieces(range(20_000))]
    assert [sum(one >= level for one in heights) for level in (1, 2)] == pytest.approx([2500, 312], rel=0.2)


@dataclass(slots=True)
class Cost:
    """What was read from outside, asked of the database, and decoded."""

    objects: list[str] = field(default_factory=list)
    bytes: int = 0
    statements: int = 0
    profiles: int = 0


@contextmanager
def _counted(engine: Engine) -> Iterator[Cost]:
    cost = Cost()
    read, decode = objects.FolderObjects.read_with_etag, codec.decode

    def reading(place: objects.FolderObjects, key: str) -> tuple[bytes, str]:
        found = read(place, key)
        cost.objects.append(key)
        cost.bytes += len(found[0])
        return found

    def decoding(data: bytes) -> Profile:
        cost.profiles += 1
        return decode(data)

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        cost.statements += statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH"))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with (
            patch.object(objects.FolderObjects, "read_with_etag", reading),
            patch.object(codec, "decode", decoding),
        ):
            yield cost
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_one_more_object_is_read_and_nothing_else(watch: Watch) -> None:
    entry, service = watch.yard.endpoint(), watch.observer()
    watch.clock.at = NOON + HOUR

    def consume(name: str, seed: int) -> tuple[Cost, str]:
        key = watch.yard.capture("abalone", records(seed, NOON, 20), name=name)
        with _counted(watch.engine) as cost:
            done = service.observe(entry)
        assert done is not None
        assert (done.objects, done.judged, done.problem) == (1, 1, None)
        return cost, key

    consume("n0000", 0)
    second, key = consume("n0001", 1)
    assert second.objects == [key]
    for at in range(2, MANY):
        watch.yard.capture("abalone", records(at, NOON, 20), name=f"n{at:04}")
    assert service.observe(entry) is not None
    newer = [consume(f"p{at:04}", 1000 + at) for at in range(5)]
    late = [consume(f"n{at:04}x", 2000 + at) for at in (3, 40, 77, 110, 148)]
    for cost, key in (*newer, *late):
        assert cost.objects == [key]
        assert cost.bytes <= second.bytes + 100
        # what was kept is asked for, and what is worth keeping is kept
        assert cost.statements <= second.statements + 4
    assert max(cost.profiles for cost, _ in newer) <= 2 * rollups.WORTH_KEEPING
    assert max(cost.profiles for cost, _ in late) < MANY / 2
    (verdict,) = watch.judged()
    assert verdict.records == (MANY + 10) * 20

"""Each record finds its window and its era."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from monitor.windows import EPOCH, era_of, place_in_time, window_start
from store.records import Deployment
from tests.clock import HOUR, MINUTE, NOON

DAY = 24 * HOUR
MICROSECOND = timedelta(microseconds=1)
LENGTHS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 90 * MINUTE, HOUR, 6 * HOUR, DAY]
SECONDS = st.integers(-(10**10), 10**11) | st.integers(-3 * 86400, 3 * 86400)
MOMENTS = st.tuples(SECONDS, st.integers(0, 999_999)).map(
    lambda passed: NOON + timedelta(seconds=passed[0], microseconds=passed[1])
)


def eras_from(*starts: datetime) -> tuple[Deployment, ...]:
    return tuple(
        Deployment(number, 1, f"config-{number}", None, start, None, None, None)
        for number, start in enumerate(sorted(starts), start=1)
    )


def placed(
    times: list[datetime], length: timedelta, eras: tuple[Deployment, ...]
) -> list[tuple[datetime, int]]:
    frame = pl.DataFrame({"@time": times}, schema={"@time": pl.Datetime("us", "UTC")})
    return place_in_time(frame, length, eras).select("@window", "@era").rows()


@given(
    st.lists(MOMENTS, max_size=30),
    st.sampled_from(LENGTHS),
    st.lists(MOMENTS.filter(lambda moment: moment > EPOCH), max_size=5, unique=True),
)
def test_all_at_once_is_as_one_after_the_other(
    times: list[datetime], length: timedelta, starts: list[datetime]
) -> None:
    eras = eras_from(EPOCH, *starts)
    expected = []
    for moment in times:
        in_force = eras[0]
        for era in eras:
            if era.started_at <= moment:
                in_force = era
        expected.append((window_start(moment, length), in_force.id))
    assert placed(times, length, eras) == expected
    assert [era_of(moment, eras).id for moment in times] == [era for _, era in expected]


@given(MOMENTS, st.sampled_from(LENGTHS))
def test_a_window_holds_its_moments_and_begins_on_the_clock(moment: datetime, length: timedelta) -> None:
    start = window_start(moment, length)
    assert start <= moment < start + length
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (start - midnight) % length == timedelta(0)


def test_a_record_at_the_change_belongs_to_the_new_era() -> None:
    eras = eras_from(EPOCH, NOON)
    found = placed([NOON - MICROSECOND, NOON, NOON + MICROSECOND], HOUR, eras)
    assert [era for _, era in found] == [1, 2, 2]
    assert [window for window, _ in found] == [NOON - HOUR, NOON, NOON]


def test_the_other_columns_and_their_order_stay() -> None:
    times = [NOON + 3 * HOUR, NOON, NOON + HOUR, NOON]
    frame = pl.DataFrame({"@time": times, "x": ["a", "b", None, "d"]}).cast(
        {"@time": pl.Datetime("us", "UTC")}
    )
    found = place_in_time(frame, HOUR, eras_from(EPOCH, NOON + 2 * HOUR))
    assert found.select("@time", "x").equals(frame)
    assert found["@era"].to_list() == [2, 1, 1, 1]


def test_no_records_are_placed_nowhere() -> None:
    assert placed([], HOUR, eras_from(EPOCH)) == []


def test_a_time_before_every_era_falls_to_the_first() -> None:
    long_ago = datetime(1901, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert placed([long_ago], HOUR, eras_from(EPOCH, NOON)) == [(long_ago.replace(minute=0, second=0), 1)]

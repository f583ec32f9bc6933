"""Columns that are left out, and taken back: a window's records are all read with the same columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from store import windows
from store.engine import writing
from store.records import CheckRow, Outcome
from tests.capture.events import captured, csv_line
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import VARIANT, capture_key, records

SECOND = timedelta(seconds=1)


def _violated(watch: Watch) -> list[CheckRow]:
    return [
        check for one in watch.judged() for check in watch.checks(one) if check.outcome is Outcome.VIOLATED
    ]


@pytest.mark.parametrize("exclude", [(), ("sex",)])
def test_a_column_too_few_is_seen_whether_or_not_one_is_left_out(watch: Watch, exclude: tuple[str]) -> None:
    """Three columns, of which every record has two: as many as are looked at where one is left out."""
    time = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [csv_line("0.5", "10.0", event_id=f"a{at}", time=time) for at in range(50)]
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, NOON, 'a')}", captured(*lines))
    watch.fine(watch.yard.endpoint(exclude=exclude), NOON + HOUR)
    (check,) = _violated(watch)
    assert (check.check, check.value, check.threshold) == ("missing_column_check", 2.0, 3.0)


def test_an_entry_with_more_columns_than_its_baseline_still_fits(watch: Watch) -> None:
    time = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [
        csv_line(f"{one.length},{one.sex},7", f"{one.rings}", event_id=one.event_id, time=time)
        for one in records(1, NOON, 200)
    ]
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, NOON, 'a')}", captured(*lines))
    watch.fine(watch.yard.endpoint(columns=("rings", "length", "sex", "site")), NOON + HOUR)
    assert _violated(watch) == []
    assert [(one.records, one.rejected) for one in watch.judged()] == [(200, 0)]


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"exclude": ("sex",)}, {}),
    ({}, {"exclude": ("sex",)}),
    ({"columns": ("rings", "sex", "length")}, {}),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_columns_that_change_in_an_open_window_change_for_all_of_it(
    watch: Watch, before: dict[str, Any], after: dict[str, Any]
) -> None:
    given = records(0, NOON, 200)
    watch.yard.capture("abalone", given[:100], name="a")
    assert watch.fine(watch.yard.endpoint(**before), NOON + MINUTE).objects == 1
    watch.yard.capture("abalone", given[100:], name="b")
    watch.fine(watch.yard.endpoint(**after), NOON + HOUR)
    assert _violated(watch) == []
    assert watch.incidents() == ()
    assert [(one.records, one.revision) for one in watch.judged()] == [(200, 1)]
    assert watch.totals() == (2, 200)


def test_a_late_object_with_other_columns_has_the_others_of_its_window_read_again(watch: Watch) -> None:
    given = records(0, NOON, 200)
    watch.yard.capture("abalone", given[:100], name="a")
    watch.fine(watch.yard.endpoint(exclude=("sex",)), NOON + 5 * MINUTE)
    watch.yard.capture("abalone", given[100:], name="late")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _violated(watch) == []
    assert [(one.records, one.revision) for one in watch.judged()] == [(200, 2)]


def test_a_new_baseline_with_another_column_is_no_fault_of_the_records_before(watch: Watch) -> None:
    given = records(0, NOON, 200)
    watch.yard.capture("abalone", given[:100], name="a")
    narrow = watch.yard.endpoint(exclude=("length", "sex"), columns=("rings", "length", "sex"))
    watch.fine(narrow, NOON + MINUTE)
    watch.yard.capture("abalone", given[100:], name="b")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _violated(watch) == []


def test_windows_that_are_judged_already_keep_their_verdict(watch: Watch) -> None:
    for minute in range(3):
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, 100))
    watch.fine(watch.yard.endpoint(exclude=("sex",)), NOON + 10 * MINUTE)
    before = watch.judged()
    done = watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert (done.objects, done.judged) == (0, 0)
    assert watch.judged() == before


def test_an_object_that_spans_windows_draws_the_others_of_both_along(watch: Watch) -> None:
    """Each that is read again opens its windows, and whatever else lies in these is read again too."""
    for at in range(4):
        both = records(at, NOON + at * MINUTE + 30 * SECOND, 40)
        watch.yard.capture("abalone", both, name=f"{at}")
    watch.fine(watch.yard.endpoint(exclude=("sex",)), NOON + 10 * MINUTE)
    watch.yard.capture("abalone", records(9, NOON + 10 * SECOND, 20, 10 * SECOND), name="late")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _violated(watch) == []
    assert watch.totals() == (5, 180)
    assert sum(one.records for one in watch.judged()) == 180


def test_windows_beyond_the_lateness_are_judged_again_as_they_were_read(watch: Watch) -> None:
    """Their objects are not listed any more, and none is forgotten that could not be read again."""
    watch.yard.capture("abalone", records(0, NOON, 100))
    watch.fine(watch.yard.endpoint(exclude=("sex",)), NOON + HOUR)
    with writing(watch.engine) as connection:
        assert windows.mark(connection, watch.monitor().id) == 1
    done = watch.fine(watch.yard.endpoint(), NOON + 60 * HOUR)
    assert (done.objects, done.judged) == (0, 1)
    assert [one.records for one in watch.judged()] == [100]
    assert watch.monitor().late_objects == 0

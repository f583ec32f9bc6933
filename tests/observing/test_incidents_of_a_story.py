"""Incidents over a story of windows: opened once, closed once, whatever is judged again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from store import incidents
from store import windows as stored_windows
from store.engine import reading, writing
from store.records import Incident, IncidentChange, IncidentKind
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import body, capture_key, records

QUIET, DRIFTED = 0.0, 3.0
STORY = (QUIET, QUIET, DRIFTED, DRIFTED, DRIFTED, QUIET, QUIET, QUIET)


def _tell(watch: Watch, *shifts: float, first: int = 0) -> None:
    for at, shift in enumerate(shifts, start=first):
        watch.yard.capture("abalone", records(at, NOON + at * MINUTE, 200, shift=shift))


def _changes(watch: Watch, incident: Incident) -> list[IncidentChange]:
    with reading(watch.engine) as connection:
        return [event.change for event in incidents.events(connection, incident.id)]


def _judge_again(watch: Watch, *minutes: int) -> None:
    with writing(watch.engine) as connection:
        for minute in minutes:
            start = NOON + minute * MINUTE
            assert stored_windows.mark(connection, watch.monitor().id, start, start + MINUTE) == 1
    assert watch.fine(watch.yard.endpoint()).judged == len(minutes)


@pytest.mark.parametrize("step", [1, 3, 8])
def test_quiet_breach_quiet_is_one_incident_however_many_windows_a_round_judges(
    watch: Watch, step: int
) -> None:
    for first in range(0, len(STORY), step):
        _tell(watch, *STORY[first : first + step], first=first)
        watch.fine(watch.yard.endpoint(), NOON + (first + step + 1) * MINUTE)
    (incident,) = watch.incidents()
    assert incident.kind is IncidentKind.DRIFT
    assert (incident.first_window, incident.last_window) == (NOON + 2 * MINUTE, NOON + 4 * MINUTE)
    assert incident.breached_windows == 3
    assert incident.closed_at is not None
    assert {"length", "rings"} <= set(incident.features)
    changes = ["opened", "worsened", "worsened", "closed"]
    assert _changes(watch, incident) == changes


def _in_inches(watch: Watch, minute: int, count: int, unit: float = 25.4) -> None:
    given = [
        replace(each, length=round(each.length * unit, 4))
        for each in records(minute, NOON + minute * MINUTE, count)
    ]
    watch.yard.capture("abalone", given)
    watch.fine(watch.yard.endpoint(), NOON + (minute + 2) * MINUTE)


def test_a_night_of_few_records_does_not_end_a_data_fault_and_belongs_to_it(watch: Watch) -> None:
    for minute, count in enumerate((200, 200, 12, 12, 12)):
        _in_inches(watch, minute, count)
    (fault,) = [one for one in watch.incidents() if one.kind is IncidentKind.DATA_FAULT]
    assert (fault.closed_at, fault.breached_windows) == (None, 2)
    for minute, count in ((5, 200), (6, 12), (7, 200)):
        _in_inches(watch, minute, count, unit=1.0)
    (fault,) = [one for one in watch.incidents() if one.kind is IncidentKind.DATA_FAULT]
    assert fault.closed_at == NOON + 9 * MINUTE
    assert fault.breached_windows == 2
    assert (fault.first_window, fault.last_window) == (NOON, NOON + 4 * MINUTE)
    assert _changes(watch, fault) == ["opened", "continued", "closed"]


def test_a_fault_of_what_is_not_looked_at_any_more_is_over(watch: Watch) -> None:
    _in_inches(watch, 0, 200)
    entry = watch.yard.endpoint(exclude=("length",))
    for minute in (1, 2):
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, 12))
        watch.fine(entry, NOON + (minute + 2) * MINUTE)
    assert all(one.closed_at is not None for one in watch.incidents())


def test_a_story_without_a_breach_has_no_incident(watch: Watch) -> None:
    _tell(watch, *([QUIET] * 12))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.incidents() == ()
    assert [one.violations for one in watch.judged()] == [0] * 12


def test_a_breached_window_that_is_judged_again_does_not_count_twice(watch: Watch) -> None:
    _tell(watch, QUIET, QUIET, DRIFTED, DRIFTED)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    _judge_again(watch, 2, 3)
    _judge_again(watch, 3)
    (incident,) = watch.incidents()
    assert incident.breached_windows == 2
    assert incident.closed_at is None


def test_a_closed_incident_stays_closed_when_its_windows_are_judged_again(watch: Watch) -> None:
    _tell(watch, *STORY)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    before = watch.incidents()
    _judge_again(watch, *range(8))
    assert watch.incidents() == before


def test_a_breach_that_records_come_late_to_undo_closes_its_incident(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(1, NOON, 40, shift=DRIFTED))
    watch.fine(entry, NOON + 2 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [None]
    watch.yard.capture("abalone", records(2, NOON, 3000), name="late")
    watch.fine(entry, NOON + HOUR)
    (incident,) = watch.incidents()
    assert incident.closed_at == NOON + HOUR
    assert _changes(watch, incident) == ["opened", "closed"]


def test_a_breach_that_comes_back_is_another_incident(watch: Watch) -> None:
    _tell(watch, DRIFTED, QUIET, QUIET, DRIFTED)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert [one.closed_at is None for one in watch.incidents()] == [False, True]


def test_too_many_lost_records_are_a_data_fault(watch: Watch) -> None:
    good = records(1, NOON, 60, timedelta(seconds=50))
    key = capture_key("AllTraffic", NOON, "a")
    watch.yard.put("capture", f"abalone/{key}", body(good, bad=[b"no json"] * 10))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    (incident,) = watch.incidents()
    assert incident.kind is IncidentKind.DATA_FAULT
    assert "10 records (14.3%) could not be read" in incident.summary

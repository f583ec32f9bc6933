"""An incident ends with what it is about: its endpoint config, its variant."""

from __future__ import annotations

import pytest

from monitor.eras import InForce
from store import deployments, fleet, incidents, windows
from store.engine import reading, writing
from store.records import FleetState, IncidentChange, IncidentEvent
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import VARIANT, records

DRIFTED = 3.0


def _tell(watch: Watch, *shifts: float, first: int = 0, variant: str = VARIANT) -> None:
    for at, shift in enumerate(shifts, start=first):
        given = records(at, NOON + at * MINUTE, 200, shift=shift)
        watch.yard.capture("abalone", given, variant=variant)


def _last_word(watch: Watch) -> IncidentEvent:
    (incident,) = watch.incidents()
    with reading(watch.engine) as connection:
        return incidents.events(connection, incident.id)[-1]


def _state(watch: Watch) -> FleetState:
    with reading(watch.engine) as connection:
        (row,) = fleet.overview(connection)
    return row.state


def _drifted_in_the_first_era(watch: Watch) -> None:
    watch.in_force = InForce("first", NOON - HOUR)
    _tell(watch, 0, DRIFTED, DRIFTED)
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [None]
    assert _state(watch) is FleetState.DRIFTING


def test_another_endpoint_config_closes_what_was_about_the_one_before(watch: Watch) -> None:
    _drifted_in_the_first_era(watch)
    watch.in_force = InForce("second", NOON + 6 * MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + 7 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 7 * MINUTE]
    said = _last_word(watch)
    assert said.change is IncidentChange.CLOSED
    assert said.reason == "The endpoint config first that it was about is no longer in force."
    _tell(watch, 0, 0, 0, first=7)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _state(watch) is FleetState.QUIET


def test_an_era_that_a_retraining_run_began_closes_what_was_about_the_one_before(watch: Watch) -> None:
    _drifted_in_the_first_era(watch)
    with writing(watch.engine) as connection:
        deployments.begin(
            connection,
            watch.monitor().id,
            started_at=NOON + 6 * MINUTE,
            endpoint_config="second",
            model_package=None,
        )
    watch.in_force = InForce("second", NOON + 6 * MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + 7 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 7 * MINUTE]
    assert _last_word(watch).reason == "The endpoint config first that it was about is no longer in force."
    assert _state(watch) is FleetState.QUIET


def test_a_late_window_of_an_era_that_is_over_opens_nothing(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.in_force = InForce("first", NOON - HOUR)
    watch.fine(entry, NOON)
    watch.in_force = InForce("second", NOON + 6 * MINUTE)
    watch.fine(entry, NOON + 7 * MINUTE)
    _tell(watch, DRIFTED, DRIFTED)
    watch.fine(entry, NOON + HOUR)
    assert [one.violations > 0 for one in watch.judged()] == [True, True]
    assert watch.incidents() == ()


def test_a_window_of_an_era_that_is_over_leaves_its_incident_closed_when_it_is_judged_again(
    watch: Watch,
) -> None:
    _drifted_in_the_first_era(watch)
    watch.in_force = InForce("second", NOON + 6 * MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + 7 * MINUTE)
    before = watch.incidents()
    with writing(watch.engine) as connection:
        assert windows.mark(connection, watch.monitor().id) == 3
    assert watch.fine(watch.yard.endpoint(), NOON + 8 * MINUTE).judged == 3
    assert watch.incidents() == before


@pytest.mark.parametrize("quiet", [0, 1])
def test_a_variant_that_takes_no_requests_any_more_is_no_trouble_any_more(watch: Watch, quiet: int) -> None:
    """However many quiet windows it still had, if too few to close the incident by themselves."""
    _tell(watch, DRIFTED, *([0] * quiet), variant="blue")
    _tell(watch, *([0] * (3 + quiet)), variant="green")
    watch.fine(watch.yard.endpoint(), NOON + (3 + quiet) * MINUTE)
    assert [(one.variant, one.closed_at) for one in watch.incidents()] == [("blue", None)]
    watch.fine(watch.yard.endpoint(), NOON + (4 + quiet) * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + (4 + quiet) * MINUTE]
    assert (
        _last_word(watch).reason == "The variant blue had no records in 2 windows in which others had some."
    )
    assert _state(watch) is FleetState.QUIET


def test_a_variant_that_still_takes_requests_keeps_its_incident(watch: Watch) -> None:
    _tell(watch, *([0] * 6), variant="green")
    _tell(watch, *([DRIFTED] * 6), variant="blue")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    (incident,) = watch.incidents()
    assert (incident.variant, incident.breached_windows, incident.closed_at) == ("blue", 6, None)


def test_an_endpoint_without_any_records_keeps_its_incident(watch: Watch) -> None:
    _tell(watch, DRIFTED, variant="blue")
    _tell(watch, 0, 0, variant="green")
    for minute in (3, 30, 60):
        watch.fine(watch.yard.endpoint(), NOON + minute * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [None]

"""A loss of quality that lasts is an incident, whichever labels come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from config.model import Endpoint
from monitor import quality_loss
from monitor.eras import InForce
from monitor.quality_loss import Measured, lasting
from store import attention, executions, incidents, monitors
from store.engine import reading
from store.records import (
    CheckRow,
    ExecutionKind,
    FleetState,
    Incident,
    IncidentChange,
    IncidentKind,
    MetricRow,
    Outcome,
)
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

ROWS = 40
GOOD, BAD = 0.1, 4.0


@pytest.fixture
def endpoint(watch: Watch) -> Endpoint:
    """Its model erred by 0.5 or so when it was made."""
    return entry(watch, quality_baseline=watch.yard.quality_baseline(0.5))


def entry(watch: Watch, **given: Any) -> Endpoint:
    return watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", **given)


def answered(watch: Watch, *minutes: int) -> None:
    for minute in minutes:
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, ROWS))


def labelled(watch: Watch, minute: int, error: float, rows: int = ROWS, name: str = "a") -> None:
    """The labels of a minute's first records, whose answers are off by so much."""
    given = records(minute, NOON + minute * MINUTE, ROWS)[:rows]
    watch.yard.labels(
        NOON + minute * MINUTE, [(each.event_id, round(each.rings + error, 3)) for each in given], name
    )


def story(watch: Watch, endpoint: Endpoint, *errors: float) -> None:
    for minute, error in enumerate(errors):
        answered(watch, minute)
        labelled(watch, minute, error)
        watch.fine(endpoint, NOON + (minute + 2) * MINUTE)


def changes(watch: Watch, incident: Incident) -> list[IncidentChange]:
    with reading(watch.engine) as connection:
        return [event.change for event in incidents.events(connection, incident.id)]


def test_it_opens_lasts_and_is_over_after_two_good_windows(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, GOOD, BAD, GOOD, BAD, GOOD)
    (incident,) = watch.incidents()
    assert incident.kind is IncidentKind.QUALITY
    assert not incident.kind.forbids_retraining
    assert incident.closed_at is None
    assert (incident.first_window, incident.last_window) == (NOON + MINUTE, NOON + 3 * MINUTE)
    assert incident.breached_windows == 2
    assert incident.features == ("mae", "mse", "r2", "rmse")
    assert incident.summary.startswith("Quality loss on mae, mse, rmse, r2; the worst is mse, 16 against a")
    with reading(watch.engine) as connection:
        found = attention.page(connection, limit=5, state=FleetState.QUALITY)
    assert (found.matching, found.rows[0].state) == (1, FleetState.QUALITY)
    answered(watch, 5)
    labelled(watch, 5, GOOD)
    watch.fine(endpoint, NOON + HOUR)
    (incident,) = watch.incidents()
    assert incident.closed_at == NOON + HOUR
    assert changes(watch, incident)[-1] is IncidentChange.CLOSED


def test_without_a_quality_baseline_there_is_none(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, entry(watch), BAD, BAD)
    assert watch.incidents() == ()
    answered(watch, 2)
    labelled(watch, 2, BAD)
    watch.fine(endpoint, NOON + 10 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [None]
    answered(watch, 3)
    labelled(watch, 3, BAD)
    watch.fine(entry(watch), NOON + 20 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 20 * MINUTE]


def test_more_labels_of_a_window_count_it_once(watch: Watch, endpoint: Endpoint) -> None:
    answered(watch, 0)
    for part, rows in enumerate((25, 30, 40)):
        labelled(watch, 0, BAD, rows)
        watch.fine(endpoint, NOON + (2 + part) * MINUTE)
    (incident,) = watch.incidents()
    assert (incident.breached_windows, incident.closed_at) == (1, None)
    labelled(watch, 0, GOOD)
    watch.fine(endpoint, NOON + 10 * MINUTE)
    (incident,) = watch.incidents()
    assert incident.closed_at == NOON + 10 * MINUTE


def test_few_labels_and_none_are_neither_good_nor_bad(watch: Watch, endpoint: Endpoint) -> None:
    answered(watch, 0, 1, 2, 3, 4)
    labelled(watch, 0, BAD)
    labelled(watch, 1, GOOD)
    labelled(watch, 2, GOOD, rows=10)
    labelled(watch, 3, BAD, rows=10)
    watch.fine(endpoint, NOON + 6 * MINUTE)
    (incident,) = watch.incidents()
    assert (incident.breached_windows, incident.closed_at) == (1, None)
    labelled(watch, 4, GOOD)
    watch.fine(endpoint, NOON + 7 * MINUTE)
    assert watch.incidents()[0].closed_at is not None


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
def test_what_is_open_is_the_same_in_whatever_order_labels_come(
    watch: Watch, endpoint: Endpoint, order: Sequence[int]
) -> None:
    errors = (BAD, GOOD, BAD, GOOD)
    answered(watch, 0, 1, 2, 3)
    for at, minute in enumerate(order):
        labelled(watch, minute, BAD, rows=22, name="b")  # labels that are put right later
        watch.fine(endpoint, NOON + (6 + 2 * at) * MINUTE)
        labelled(watch, minute, errors[minute], name="b")
        watch.fine(endpoint, NOON + (7 + 2 * at) * MINUTE)
    (found,) = [one for one in watch.incidents() if one.closed_at is None]
    assert (found.first_window, found.last_window) == (NOON, NOON + 2 * MINUTE)
    assert (found.breached_windows, found.features) == (2, ("mae", "mse", "r2", "rmse"))


def test_windows_of_an_era_that_is_over_open_none(watch: Watch, endpoint: Endpoint) -> None:
    watch.in_force = InForce("first", NOON - HOUR)
    answered(watch, 0, 1)
    watch.fine(endpoint, NOON + 5 * MINUTE)
    labelled(watch, 0, BAD)
    watch.fine(endpoint, NOON + 6 * MINUTE)
    watch.in_force = InForce("second", NOON + 7 * MINUTE)
    watch.fine(endpoint, NOON + 8 * MINUTE)
    labelled(watch, 1, BAD)
    watch.fine(endpoint, NOON + 9 * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 8 * MINUTE]


def test_a_variant_that_is_gone_has_none_until_it_is_back(watch: Watch, endpoint: Endpoint) -> None:
    def tell(minute: int, variant: str) -> None:
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, ROWS), variant=variant)

    tell(0, "blue")
    labelled(watch, 0, BAD)
    watch.fine(endpoint, NOON + 2 * MINUTE)
    for minute in (1, 2):
        tell(minute, "green")
        watch.fine(endpoint, NOON + (minute + 2) * MINUTE)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 4 * MINUTE]
    labelled(watch, 0, BAD, name="b", rows=30)
    watch.fine(endpoint, NOON + 5 * MINUTE)
    assert len(watch.incidents()) == 1
    tell(5, "blue")
    watch.fine(endpoint, NOON + 7 * MINUTE)
    assert [(one.variant, one.closed_at is None) for one in watch.incidents()] == [
        ("blue", False),
        ("blue", True),
    ]


def measured(at: int, rmse: Outcome | None, r2: Outcome = Outcome.OK) -> Measured:
    rows = () if rmse is None else (("rmse", rmse), ("r2", r2))
    return Measured(
        NOON + at * HOUR, tuple(CheckRow(name, "above", told, 3.0, 2.0, "") for name, told in rows)
    )


V, Q, FEW, GONE = Outcome.VIOLATED, Outcome.OK, Outcome.INSUFFICIENT_DATA, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("outcomes", "first", "count"),
    [
        ((V,), 0, 1),
        ((V, Q), 0, 1),
        ((V, Q, Q), None, 0),
        ((V, Q, FEW, None, Q), None, 0),
        ((V, FEW, FEW, FEW), 0, 1),
        ((V, Q, V), 0, 2),
        ((V, Q, Q, V), 3, 1),
        ((V, Q, FEW, Q, V, FEW), 4, 1),
        ((V, GONE, GONE, GONE), 0, 1),
        ((), None, 0),
    ],
)
def test_a_loss_lasts_until_two_windows_show_it_over(
    outcomes: Sequence[Outcome | None], first: int | None, count: int
) -> None:
    found = lasting([measured(at, each) for at, each in reversed(list(enumerate(outcomes)))])
    assert (found.windows if found else 0) == count
    if first is not None:
        assert found is not None
        assert found.first == NOON + first * HOUR


@pytest.mark.parametrize(
    ("name", "value", "threshold", "low", "high", "is_loss"),
    [
        ("rmse", 2.2, 2.0, 1.9, 2.5, False),
        ("rmse", 2.2, 2.0, 2.05, 2.5, True),
        ("mse", 4.84, 4.0, 1.9, 2.5, False),
        ("mse", 4.84, 4.0, 2.05, 2.5, True),
        ("r2", 0.8, 0.9, 0.7, 0.95, False),
        ("r2", 0.8, 0.9, 0.7, 0.85, True),
    ],
)
def test_what_chance_explains_is_no_loss(
    name: str, value: float, threshold: float, low: float, high: float, is_loss: bool
) -> None:
    row = CheckRow(name, "above", Outcome.VIOLATED, value, threshold, "")
    known = MetricRow("rmse" if name == "mse" else name, value, low, high, 40)
    assert (lasting([Measured(NOON, (row,), (known,))]) is not None) == is_loss


def test_a_model_as_good_as_ever_loses_nothing(watch: Watch) -> None:
    endpoint = entry(watch, quality_baseline=watch.yard.quality_baseline(0.5))
    chance = np.random.default_rng(4)
    for minute in range(12):
        answered(watch, minute)
        given = records(minute, NOON + minute * MINUTE, ROWS)
        errors = chance.normal(0, 0.5, ROWS)
        watch.yard.labels(
            NOON + minute * MINUTE,
            [
                (each.event_id, round(each.rings + error, 3))
                for each, error in zip(given, errors, strict=True)
            ],
        )
        watch.fine(endpoint, NOON + (minute + 2) * MINUTE)
    with reading(watch.engine) as connection:
        monitor = monitors.by_name(connection, "abalone")
        assert monitor is not None
        found = executions.recent(
            connection, monitor.id, ExecutionKind.MODEL_QUALITY, watch.incidents()[0].variant, 1, 20
        )
        rows = [row for each in found for row in executions.checks(connection, each.id)]
    beyond = {row.feature for row in rows if row.outcome is Outcome.VIOLATED}
    assert beyond >= {"rmse", "mse"}, "by chance"
    # the answers' truth is spread less than the baseline's, and r2 is of that spread
    assert {feature for one in watch.incidents() for feature in one.features} == {"r2"}


def test_a_metric_that_is_never_known_keeps_no_loss_of_another_open() -> None:
    story = [measured(0, V, GONE), measured(1, Q, GONE), measured(2, Q, GONE)]
    assert lasting(reversed(story)) is None


def test_a_window_that_is_judged_reads_nothing_of_those_that_were_measured(
    watch: Watch, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done under the lease, and a loss that lasts would be read back to its beginning each time."""
    story(watch, endpoint, BAD, BAD)
    walks: list[object] = []
    really = quality_loss._measured

    def counted(*given: Any) -> Iterator[Measured]:
        walks.append(given)
        return really(*given)

    monkeypatch.setattr(quality_loss, "_measured", counted)
    answered(watch, 2, 3, 4)
    assert watch.fine(endpoint, NOON + 7 * MINUTE).judged == 3
    assert walks == []
    assert [one.closed_at for one in watch.incidents()] == [None]
    labelled(watch, 2, BAD)
    watch.fine(endpoint, NOON + 8 * MINUTE)
    assert len(walks) == 1
    assert watch.incidents()[0].breached_windows == 3


def test_of_a_long_loss_no_more_is_read_than_a_bound() -> None:
    read: list[int] = []

    def era() -> Iterator[Measured]:
        for at in range(3000, 0, -1):
            read.append(at)
            yield measured(at, V)

    found = lasting(era())
    assert found is not None
    assert (found.windows, found.is_whole) == (1000, False)
    assert len(read) <= 1001


def test_a_longer_loss_goes_on_from_the_incident_that_stands(
    watch: Watch, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_loss, "_READ_AT_MOST", 3)
    story(watch, endpoint, *[BAD] * 6)
    (incident,) = watch.incidents()
    assert (incident.first_window, incident.last_window) == (NOON, NOON + 5 * MINUTE)
    assert (incident.breached_windows, incident.closed_at) == (6, None)
    labelled(watch, 4, BAD, rows=30, name="b")
    watch.fine(endpoint, NOON + 10 * MINUTE)
    assert watch.incidents()[0].breached_windows == 6, "one that is counted already"
    answered(watch, 6, 7)
    labelled(watch, 6, GOOD)
    labelled(watch, 7, GOOD)
    watch.fine(endpoint, NOON + 11 * MINUTE)
    assert watch.incidents()[0].closed_at == NOON + 11 * MINUTE


def test_a_loss_that_labels_of_a_vanished_variant_showed_opens_once_it_is_back(
    watch: Watch, endpoint: Endpoint
) -> None:
    watch.yard.capture("abalone", records(0, NOON, ROWS), variant="blue")
    watch.fine(endpoint, NOON + 2 * MINUTE)
    for minute in (1, 2):
        watch.yard.capture("abalone", records(minute, NOON + minute * MINUTE, ROWS), variant="green")
        watch.fine(endpoint, NOON + (minute + 2) * MINUTE)
    labelled(watch, 0, BAD)
    watch.fine(endpoint, NOON + 5 * MINUTE)
    assert watch.incidents() == ()
    watch.yard.capture("abalone", records(5, NOON + 5 * MINUTE, ROWS), variant="blue")
    watch.fine(endpoint, NOON + 7 * MINUTE)
    assert [(one.variant, one.closed_at) for one in watch.incidents()] == [("blue", None)]

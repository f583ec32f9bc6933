"""After a rollout: worse goes back, good stays, and whether it helped is said by the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.quality import regression
from retrain import watching
from retrain.readings import FEWEST_LABELLED
from retrain.watching import Look, first, most, pool
from store.records import MetricRow
from store.retraining import Helped, Trial

BEFORE = Trial("fresh", "rmse", 3.0, 2.0, -1.0, -1.2, -0.8, 400)
R2 = Trial("fresh", "r2", 0.3, 0.6, 0.3, 0.2, 0.4, 400)


def look(before: Trial, windows: list[MetricRow], wanted: int, fewest: int) -> tuple[Look, str]:
    return watching.look(before, pool(before.metric, first(windows, wanted, fewest)), wanted, fewest)


def helped(before: Trial, windows: list[MetricRow], wanted: int, fewest: int) -> tuple[Helped, str]:
    return watching.helped(before, pool(before.metric, first(windows, wanted, fewest)))


def window(value: float, half: float = 0.2, count: int = 200, name: str = "rmse") -> MetricRow:
    return MetricRow(name, value, value - half, value + half, count)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], Look.WAITING),
        ([window(2.0)], Look.WAITING),
        ([window(2.0), window(2.1)], Look.GOOD),
        ([window(2.0), window(2.1), window(9.0)], Look.GOOD),  # the first two are looked at
        ([window(3.5)], Look.WORSE),  # what is shown is not waited on
        ([window(3.1)], Look.WAITING),
        ([window(3.1), window(3.0)], Look.GOOD),  # not shown to be worse
        ([window(3.18), window(3.18)], Look.WORSE),  # together they show what neither does
        ([MetricRow("rmse", None, None, None, 0), window(2.0)], Look.WAITING),
        ([window(2.0, count=2), window(2.1)], Look.WAITING),  # two labels are no window
        ([window(2.0, count=2), window(2.1), window(2.1)], Look.GOOD),
        ([window(9.0, count=199)], Look.WAITING),  # too few records to send a model back
        ([window(9.0, count=180), window(9.0, count=20)], Look.WORSE),
        ([window(2.0, count=90), window(2.1, count=90)], Look.WAITING),  # or to keep it
        ([window(2.0, count=90), window(2.1, count=90), window(2.1, count=20)], Look.GOOD),
    ],
)
def test_the_first_windows_say(windows: list[MetricRow], expected: Look) -> None:
    assert look(BEFORE, windows, 2, 200)[0] is expected


@given(st.lists(st.integers(FEWEST_LABELLED, 90), max_size=40), st.integers(1, 9), st.integers(1, 300))
def test_no_window_counts_beyond_the_most_that_may(counts: list[int], wanted: int, fewest: int) -> None:
    windows = [window(2.0, count=count) for count in counts]
    assert first(windows[: most(wanted, fewest)], wanted, fewest) == first(windows, wanted, fewest)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], Helped.UNKNOWN),
        ([window(2.0), window(2.1)], Helped.HELPED),
        ([window(2.95), window(2.95)], Helped.UNKNOWN),
        ([window(3.0), window(3.05)], Helped.NOT),
        ([window(4.0)], Helped.NOT),
    ],
)
def test_whether_it_helped(windows: list[MetricRow], expected: Helped) -> None:
    assert helped(BEFORE, windows, 2, 200)[0] is expected


@pytest.mark.parametrize(
    ("value", "seen", "outcome"),
    [(0.6, Look.GOOD, Helped.HELPED), (0.1, Look.WORSE, Helped.NOT), (0.0, Look.WORSE, Helped.NOT)],
)
def test_of_r2_more_is_better(value: float, seen: Look, outcome: Helped) -> None:
    windows = [window(value, 0.1, name="r2")]
    assert look(R2, windows, 1, 200)[0] is seen
    assert helped(R2, windows, 1, 200)[0] is outcome


def test_the_sentences_hold_the_numbers() -> None:
    assert look(BEFORE, [window(2.0)], 2, 200)[1] == (
        "1 of 2 labelled windows since the rollout: rmse 2.000 (1.800 to 2.200) on 200 records, "
        "where the champion had 3.000 before."
    )
    assert look(BEFORE, [], 2, 200)[1] == "No labelled window yet since the rollout, 2 are wanted."
    assert look(BEFORE, [window(9.0, count=50)], 2, 200)[1] == (
        "200 labelled records since the rollout are wanted: rmse 9.000 (8.800 to 9.200) on 50 records, "
        "where the champion had 3.000 before."
    )
    assert helped(BEFORE, [window(2.0)], 2, 200)[1] == "It helped."
    assert "no labels came" in helped(BEFORE, [], 2, 200)[1]


@pytest.mark.parametrize("true", [2.0, 2.3])
def test_a_model_that_is_not_worse_seldom_goes_back_while_its_labels_trickle_in(true: float) -> None:
    """Looked at after every fifth label of two windows, as the service does where labels come so."""
    before = Trial("fresh", "rmse", 2.3, 2.0, -0.3, -0.5, -0.1, 200)
    went_back = sum(_trickles(before, np.random.default_rng([7, at]), true) for at in range(30))
    assert went_back <= 3


def _trickles(before: Trial, rng: np.random.Generator, true: float) -> bool:
    labels = rng.normal(10, 3, (2, 200))
    predictions = labels + rng.normal(0, true, (2, 200))
    for upto in range(5, 405, 5):
        parts = [(0, slice(0, min(upto, 200))), (1, slice(0, max(upto - 200, 0)))]
        windows = [
            next(row for row in regression(predictions[at][part], labels[at][part], at) if row.name == "rmse")
            for at, part in parts
            if part.stop
        ]
        found = look(before, windows, 2, 200)[0]
        if found is not Look.WAITING:
            return found is Look.WORSE
    raise AssertionError("400 labels decide")


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_windows_together_are_what_all_their_records_are(metric: str) -> None:
    rng = np.random.default_rng(1)
    labels = rng.gamma(4, 2.5, 900)
    predictions = labels + rng.normal(0, 2, 900)
    parts = [slice(0, 500), slice(500, 650), slice(650, 900)]

    def measured(part: slice) -> MetricRow:
        return next(row for row in regression(predictions[part], labels[part], 0) if row.name == metric)

    pooled, whole = pool(metric, [measured(part) for part in parts]), measured(slice(None))
    assert pooled is not None
    assert (pooled.count, pooled.windows) == (900, 3)
    assert pooled.value == pytest.approx(whole.value)
    assert pooled.low == pytest.approx(whole.low, rel=0.02)
    assert pooled.high == pytest.approx(whole.high, rel=0.02)


def test_a_model_without_fault_has_an_interval_of_nothing() -> None:
    pooled = pool("rmse", [MetricRow("rmse", 0.0, 0.0, 0.0, 10)])
    assert pooled is not None
    assert (pooled.value, pooled.low, pooled.high) == (0.0, 0.0, 0.0)

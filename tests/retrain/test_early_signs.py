"""What the first windows show before labels come, and what is left to chance, the night or the world."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.watch import Watch
from retrain.early_signs import Seen, errors, predictions, share_of_bad, silence

WATCH = Watch()
HOUR = timedelta(hours=1)
DAY = [240] * 24


def test_a_share_has_wilsons_interval() -> None:
    found = share_of_bad([Seen(90, 10), Seen(100, 0, unanswered=0.1)])
    assert (found.value, found.count) == (0.1, 200)
    # Wilson's score interval of 20 of 200, by its formula
    assert found.low == pytest.approx(0.0657, abs=1e-4)
    assert found.high == pytest.approx(0.1494, abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=5))
def test_an_interval_holds_its_share(windows: list[tuple[int, int]]) -> None:
    found = share_of_bad([Seen(*window) for window in windows])
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


@pytest.mark.parametrize(
    ("since", "before", "goes_back"),
    [
        ([], [], False),
        ([Seen(100, 0)], [], False),
        ([Seen(200, 40)], [Seen(1000, 0)], True),
        ([Seen(200, 0, unanswered=0.2)], [Seen(1000, 0)], True),
        ([Seen(200, 40)], [], True),  # nobody knows what was before
        ([Seen(30, 15)], [Seen(1000, 0)], False),  # a burst among few
        ([Seen(200, 14)], [Seen(1000, 0)], False),  # more than 5 %, and it may be chance
        ([Seen(200, 40)], [Seen(1000, 200)], False),  # so it was before
        ([Seen(200, 40)], [Seen(1000, 50)], True),
        ([Seen(200, 0), Seen(200, 0), Seen(0, 900)], [Seen(1000, 0)], False),  # the first two count
        ([Seen(0, 0), Seen(0, 90)], [Seen(1000, 0)], True),
    ],
)
def test_errors(since: list[Seen], before: list[Seen], goes_back: bool) -> None:
    assert (errors(WATCH, since, before) is not None) is goes_back


def test_the_share_of_before_is_seldom_more_by_chance() -> None:
    """A champion with 5 % of errors and a new model with the same; each stage of two windows is looked at."""
    rng = np.random.default_rng(5)
    went_back = 0
    for _ in range(400):
        bad = rng.binomial(240, 0.05, 2)
        windows = [Seen(240 - int(each), int(each)) for each in bad]
        before = [Seen(24 * 228, 24 * 12)]
        went_back += any(errors(WATCH, windows[:upto], before) for upto in (1, 2))
    assert went_back <= 400 * 0.05


@pytest.mark.parametrize(
    ("whole", "before", "is_silent"),
    [
        ([0, 0], DAY, True),
        ([20, 20], DAY, True),
        ([24, 24], DAY, False),
        ([0], DAY, False),  # one window more is to come
        ([0, 300, 0], DAY, False),
        ([0, 0], DAY[:23], False),  # nobody knows the nights
        ([0, 0], [*DAY, 0], False),  # a night without anybody
        ([0, 0], [19] * 24, False),
    ],
)
def test_silence(whole: list[int], before: list[int], is_silent: bool) -> None:
    assert (silence(WATCH, whole, before, HOUR) is not None) is is_silent
    assert silence(Watch(volume=0.0), whole, before, HOUR) is None


@pytest.mark.parametrize(
    ("since", "goes_back"),
    [
        ([], False),
        ([Seen(60, 0)], False),  # not measured
        ([Seen(60, 0, predictions=0.19)], False),
        ([Seen(60, 0, predictions=0.21)], True),
        ([Seen(60, 0, predictions=0.9, inputs_drifted=("length",))], False),  # the world moved
        ([Seen(60, 0, predictions=0.9, inputs_unknown=("length",))], False),  # and who knows
        ([Seen(60, 0), Seen(60, 0, predictions=0.0), Seen(60, 0, predictions=0.5)], True),
        ([Seen(60, 0, predictions=0.0), Seen(60, 0, predictions=0.0), Seen(60, 0, predictions=0.5)], False),
    ],
)
def test_predictions(since: list[Seen], goes_back: bool) -> None:
    assert (predictions(WATCH, since) is not None) is goes_back
    assert predictions(Watch(predictions=1.0), since) is None


def test_the_sentences_hold_the_numbers() -> None:
    assert errors(WATCH, [Seen(200, 40)], [Seen(999, 1)]) == (
        "16.7% (12.5% to 21.9%) of 240 records since the rollout could not be read or have no answer, more "
        "than 5.0%, where 0.1% of 1000 were before."
    )
    assert silence(WATCH, [3, 0], DAY, HOUR) == (
        "3 records came in the first 2 windows since the rollout, where not one of the 24 before had fewer "
        "than 240."
    )
    assert predictions(WATCH, [Seen(60, 0, predictions=0.41234)]) == (
        "The predictions of 60 records are at a distance of 0.412, beyond chance, from what the challenger "
        "predicted before its rollout, more than 0.2, and no input drifted."
    )

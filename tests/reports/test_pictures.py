"""Pictures from profiles: shares that add up, whatever the sketches hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from baselines.profile.types import TypeCounts
from monitor.reports.document import write_report
from monitor.reports.pictures import BINS, CATEGORIES, numeric_shares, text_shares
from tests.clock import NOON
from tests.reports import story
from tests.reports.story import END, Columns

NUMBERS = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=200)


@given(current=NUMBERS, baseline=NUMBERS)
def test_the_bars_of_numbers_add_up_to_one_on_each_side(current: list[float], baseline: list[float]) -> None:
    shares = numeric_shares(Sketch.of(np.array(current)), Sketch.of(np.array(baseline)))
    assert len(shares.labels) == len(shares.current) == len(shares.baseline) == BINS
    assert shares.current.sum() == pytest.approx(1)
    assert shares.baseline.sum() == pytest.approx(1)
    assert (shares.current >= 0).all()


def test_bars_show_where_the_values_are() -> None:
    chance = np.random.default_rng(3)
    shares = numeric_shares(Sketch.of(chance.normal(3, 1, 5000)), Sketch.of(chance.normal(0, 1, 5000)))
    middles = np.asarray(shares.labels)
    assert float(middles @ shares.baseline) == pytest.approx(0, abs=0.1)
    assert float(middles @ shares.current) == pytest.approx(3, abs=0.1)


def test_one_value_alone_has_a_picture() -> None:
    shares = numeric_shares(Sketch.of(np.array([7.0, 7.0])), Sketch.of(np.array([7.0])))
    assert shares.current.max() == shares.baseline.max() == 1


def test_an_outlier_does_not_squeeze_the_rest_into_one_bar() -> None:
    values = np.append(np.random.default_rng(3).normal(size=5000), 1e12)
    shares = numeric_shares(Sketch.of(values), Sketch.of(values))
    assert (shares.current > 0.01).sum() > 10


def _texts(counts: dict[str, int]) -> ColumnProfile:
    return ColumnProfile(types=TypeCounts(string=sum(counts.values())), categories=Categories(counts))


COUNTS = st.dictionaries(st.text(max_size=4), st.integers(1, 1000), min_size=1, max_size=50)


@settings(deadline=None)
@given(current=COUNTS, baseline=COUNTS)
def test_the_bars_of_texts_add_up_to_one_on_each_side(
    current: dict[str, int], baseline: dict[str, int]
) -> None:
    shares = text_shares(_texts(current), _texts(baseline))
    assert len(shares.labels) == min(len({*current, *baseline}), CATEGORIES + 1)
    assert shares.current.sum() == pytest.approx(1)
    assert shares.baseline.sum() == pytest.approx(1)


def test_texts_of_one_side_alone_are_shown() -> None:
    shares = text_shares(_texts({"new": 3, "both": 1}), _texts({"both": 3, "old": 1}))
    assert dict(zip(shares.labels, zip(shares.baseline, shares.current, strict=True), strict=True)) == {
        "both": (0.75, 0.25),
        "new": (0.0, 0.75),
        "old": (0.25, 0.0),
    }


def test_every_feature_has_its_picture_the_drifted_one_first(engine: Engine) -> None:
    told = story.day(engine)
    page = write_report(engine=engine, endpoint=told.entry, start=NOON, end=END, now=END).html
    places = [page.index(f"<h3>{name}</h3>") for name in told.columns.all]
    assert places[0] == min(places)
    assert page.count('class="plotly-graph-div"') == 3
    assert page.count("plotly.js v") == 1  # the library is there once, in the page itself
    assert "sample_rows is 0 in kedge.yaml" in page
    assert "rebuilt from sketches and counts" in page


def test_tags_in_names_and_values_are_shown_not_run(engine: Engine) -> None:
    evil = "</script><script>window.harm = 1</script>"
    told = story.day(engine, columns=Columns(number=f"length{evil}", texts=(evil, "<b>bold</b>", "F")))
    page = write_report(engine=engine, endpoint=told.entry, start=NOON, end=END, now=END).html
    assert "window.harm" in page
    assert evil not in page
    assert "<b>bold" not in page

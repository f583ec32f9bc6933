"""Evidently itself, on sampled rows, with Kedge's distances and thresholds."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine

from baselines.constraints import CategoricalDriftMethod, DistanceMethod
from config.distance import Distance
from monitor.distances.l_infinity import l_infinity
from monitor.distances.robust import robust
from monitor.reports import sampled
from monitor.reports.document import ReportDocument, write_report
from tests.clock import NOON
from tests.reports import story
from tests.reports.story import END, Columns, Story

pytest.importorskip("evidently", reason="the extra evidently is not installed")


def _write(told: Story) -> ReportDocument:
    return write_report(engine=told.engine, endpoint=told.entry, start=NOON, end=END, now=END)


def _shifted_day(engine: Engine, columns: Columns | None = None) -> Story:
    """Hours of which the first measurement is shifted in all: a sample of rows can't miss it."""
    told = story.begin(engine, sample_rows=500, columns=columns)
    for number in range(4):
        story.hour(told, number, shift=1.0)
    return told


def _table(page: str) -> dict[str, dict[str, Any]]:
    """Evidently's table of columns: name → what it says of it."""
    found = re.search(r"var metric_\w+ = (.*?);\n\s*var additional", page, flags=re.DOTALL)
    assert found is not None
    rows: dict[str, dict[str, Any]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "column_name" in node and "stattest_name" in node:
                rows[node["column_name"]] = node
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json.loads(found[1]))
    return rows


def test_it_looks_at_the_sampled_rows_by_kedges_distances(engine: Engine) -> None:
    told = _shifted_day(engine)
    document = _write(told)
    assert document.note == "4 of 4 windows with violations; Evidently on 500 sampled rows"
    assert "Evidently looks at 500 rows sampled from all of these windows" in document.html
    assert "its 3000 reference rows are rebuilt from its sketches and counts" in document.html
    table = _table(document.html)
    assert set(table) == set(told.columns.all)
    assert {row["stattest_name"] for row in table.values()} == {"Kedge, Robust (correct)"}
    assert {name for name, row in table.items() if row["data_drift"] == "Detected"} == {"length"}
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_kedges_verdict_heads_the_page(engine: Engine) -> None:
    page = _write(_shifted_day(engine)).html
    assert page.index("Kedge's verdict") < page.index('<div id="root_metric_')
    assert page.count("<html") == page.count("</html>") == 1
    assert page.count("<body") == 1


def test_where_no_rows_are_kept_it_is_not_asked(engine: Engine) -> None:
    assert "drawDashboard" not in _write(story.day(engine)).html


def test_features_without_a_distribution_are_named_and_left_out(engine: Engine) -> None:
    told = story.begin(engine, sample_rows=50)
    frame = story.survey(told.columns, 1, 100).with_columns(height=pl.lit(None, dtype=pl.String))
    story.hour(told, 0, frame=frame)
    page = _write(told).html
    assert "Left out, since one side has no distribution of them: height." in page
    assert set(_table(page)) == {"length", "sex"}


def test_a_period_in_which_nothing_can_be_compared_has_no_table(engine: Engine) -> None:
    told = story.begin(engine, sample_rows=50)
    nothing = pl.lit(None, dtype=pl.String)
    frame = story.survey(told.columns, 1, 10).with_columns(length=nothing, height=nothing, sex=nothing)
    story.hour(told, 0, frame=frame)
    page = _write(told).html
    assert "no feature of theirs can be compared with the baseline" in page
    assert "drawDashboard" not in page


def test_no_tag_of_a_strangers_text_reaches_evidently(engine: Engine) -> None:
    evil = "</script><script>window.harm = 1</script>"
    twins = Columns(number="<a>", steady="‹a›", text=f"sex{evil}", texts=(evil, "F", "M"))
    page = _write(_shifted_day(engine, twins)).html
    assert evil not in page
    assert r"\u2039script\u203awindow.harm = 1" in page
    assert len(_table(page)) == 3  # two names that look alike stay two


def test_the_page_asks_nothing_of_the_network(engine: Engine) -> None:
    page = _write(_shifted_day(engine)).html
    assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=", page) == []


@pytest.mark.parametrize("method", list(DistanceMethod))
def test_the_distance_is_kedges_own(method: DistanceMethod) -> None:
    import pandas as pd

    chance = np.random.default_rng(5)
    reference, current = chance.normal(size=900), chance.normal(0.5, 1, 300)
    points = np.concatenate((reference, current))
    gap = max(abs((reference <= point).mean() - (current <= point).mean()) for point in points)
    expected = robust(gap, 300, 900) if method is DistanceMethod.ROBUST else gap
    test = sampled.drift_test(method, CategoricalDriftMethod.LINFINITY, Distance.CORRECT)
    distance, drifted = test(pd.Series(reference), pd.Series(current), "num", 0.05)
    assert distance == pytest.approx(expected)
    assert drifted == (expected > 0.05)
    assert test(pd.Series(reference), pd.Series(current), "num", expected)[1] is False


def test_the_distance_of_texts_is_kedges_own() -> None:
    import pandas as pd

    reference, current = ["F"] * 500 + ["M"] * 500, ["F"] * 90 + ["new"] * 10
    test = sampled.drift_test(DistanceMethod.SIMPLE, CategoricalDriftMethod.LINFINITY, Distance.CORRECT)
    distance, drifted = test(pd.Series(reference), pd.Series(current), "cat", 0.1)
    assert distance == pytest.approx(l_infinity({"F": 90, "new": 10}, {"F": 500, "M": 500})) == 0.5
    assert drifted

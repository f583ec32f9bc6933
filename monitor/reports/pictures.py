"""Pictures of columns, rebuilt from sketches and counts: how a period is distributed, over its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from config.distance import Distance
from monitor.checks.drift import check_drift
from monitor.reports.period import Compared
from monitor.reports.rows import can_rebuild, is_number
from store.records import CheckRow, Outcome

BINS = 30
CATEGORIES = 20
MAX_PICTURES = 60
_TAILS = (0.001, 0.999)
_GREY, _BLUE = "#9aa3ad", "#1f6feb"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of values in each bar, on both sides; `labels` has the bars' names, or their middles."""

    labels: tuple[str, ...] | Floats
    baseline: Floats
    current: Floats


@dataclass(frozen=True, slots=True)
class Picture:
    """One column's picture as HTML that needs plotly.js on the page, under its name and its distance."""

    name: str
    verdict: CheckRow
    html: str


def numeric_shares(current: Sketch, baseline: Sketch) -> Shares:
    """Both sketches in common bars; the outermost bars hold what lies beyond the 0.1st and 99.9th percent."""
    ends = np.concatenate([sketch.quantiles(_TAILS) for sketch in (current, baseline) if sketch.count])
    low, high = float(ends.min()), float(ends.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    return Shares((edges[1:] + edges[:-1]) / 2, _in_bars(baseline, edges), _in_bars(current, edges))


def _in_bars(sketch: Sketch, edges: Floats) -> Floats:
    below = sketch.cdf(edges)
    if sketch.count:
        below[0], below[-1] = 0.0, 1.0
    return np.diff(below)


def text_shares(current: ColumnProfile, baseline: ColumnProfile) -> Shares:
    """The most frequent texts of both sides, and all others as one bar."""
    ours, theirs = current.categories.counts, baseline.categories.counts
    n, m = max(1, sum(ours.values())), max(1, sum(theirs.values()))
    weight = {text: ours.get(text, 0) / n + theirs.get(text, 0) / m for text in {*ours, *theirs}}
    names = sorted(weight, key=lambda text: (-weight[text], text))[:CATEGORIES]
    now = [ours.get(name, 0) / n for name in names]
    before = [theirs.get(name, 0) / m for name in names]
    if len(weight) > CATEGORIES:
        names, now, before = [*names, "all others"], [*now, 1 - sum(now)], [*before, 1 - sum(before)]
    return Shares(tuple(names), np.array(before), np.array(now))


def drawn(compared: Compared, mode: Distance) -> tuple[Picture, ...]:
    """A picture of every feature that both sides have a distribution of, the furthest from it first.

    The distances are those of the whole period taken as one. At most MAX_PICTURES of them.
    """
    found = []
    for feature in compared.constraints.features:
        current = compared.profile.columns.get(feature.name)
        baseline = compared.baseline.profile.columns.get(feature.name)
        if current is None or baseline is None or not (can_rebuild(baseline) and can_show(current, baseline)):
            continue
        config = compared.constraints.config_for(feature.name)
        found.append((check_drift(feature.name, current, baseline, config, mode), current, baseline))
    found.sort(key=lambda one: (one[0].outcome is not Outcome.VIOLATED, -(one[0].value or 0.0)))
    return tuple(
        Picture(verdict.feature, verdict, _draw(_shares(current, baseline)))
        for verdict, current, baseline in found[:MAX_PICTURES]
    )


def can_show(current: ColumnProfile, baseline: ColumnProfile) -> bool:
    """Whether the period, too, has a distribution of the kind that the baseline has."""
    if is_number(baseline):
        return current.sketch.count > 0
    return not current.categories.overflowed and sum(current.categories.counts.values()) > 0


def _shares(current: ColumnProfile, baseline: ColumnProfile) -> Shares:
    if is_number(baseline):
        return numeric_shares(current.sketch, baseline.sketch)
    return text_shares(current, baseline)


def _draw(shares: Shares) -> str:
    import plotly.graph_objects as go
    from plotly.io import to_html

    labels: Any = shares.labels
    is_text = isinstance(labels, tuple)
    if is_text:
        labels = [escape(label) for label in labels]  # plotly reads tags in its texts
    figure = go.Figure(
        [
            go.Bar(x=labels, y=shares.baseline, name="baseline", marker_color=_GREY, opacity=0.75),
            go.Bar(x=labels, y=shares.current, name="this period", marker_color=_BLUE, opacity=0.6),
        ]
    )
    figure.update_layout(
        barmode="group" if is_text else "overlay",
        bargap=0.15 if is_text else 0.02,
        height=260,
        margin={"l": 50, "r": 10, "t": 10, "b": 40},
        legend={"orientation": "h", "y": 1.15},
        template="plotly_white",
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
        xaxis={"type": "category"} if is_text else {},
    )
    config = {"displaylogo": False, "responsive": True, "displayModeBar": False}
    return str(to_html(figure, config=config, include_plotlyjs=False, full_html=False))


def plotly_script() -> str:
    """plotly.js itself, for a page that needs no network."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())

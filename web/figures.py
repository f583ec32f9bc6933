"""Pictures as plotly figures: plain values that kedge.js draws.

Colours are names of the style sheet's variables, so that pictures follow the light or dark scheme.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from store.records import Deployment, Incident, IncidentKind
from store.retraining import Run
from store.series import QualityPoint
from web.comparison import Comparison
from web.lines import FeatureLine
from web.texts import visible

Figure = dict[str, Any]
"""JSON of plotly's: `data` and `layout`."""

_PALETTE = 8
_QUIET_LINES = 40
_SHADES = {
    IncidentKind.DRIFT: "var(--warn)",
    IncidentKind.DATA_FAULT: "var(--bad)",
    IncidentKind.SKEW: "var(--bad)",
    IncidentKind.QUALITY: "var(--bad)",
}


def plain(text: str) -> str:
    """A text that plotly shows as it is: it would read tags as markup."""
    return html.escape(visible(text), quote=False)


def _at(value: datetime) -> str:
    # Without an offset plotly shows the time as it stands: UTC.
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def drift(
    lines: Sequence[FeatureLine],
    incidents: Sequence[Incident],
    eras: Sequence[Deployment],
    now: datetime,
    runs: Sequence[Run] = (),
) -> Figure:
    """Each feature's distance over time with the threshold, incidents shaded, eras and retraining marked.

    The lines come most moved first; those without a colour of their own are grey, 40 of them at most.
    """
    colours = [(line, series(at, line)) for at, line in enumerate(lines)]
    quiet = [line for line, colour in colours if colour is None][:_QUIET_LINES]
    loud = [(line, colour) for line, colour in colours if colour is not None]
    traces = [_line(line, "var(--faint)", 1.0, False) for line in quiet]
    traces += [_line(line, f"var(--series-{colour})", 2.0, True) for line, colour in loud]
    starts = [point.start for line in lines for point in line.points]
    if not starts:
        return {"data": [], "layout": {}}
    first, last = min(starts), max(starts)
    step = _step(starts)
    shades = [
        _shade(incident, first, last, step) for incident in incidents if _touches(incident, first, last, now)
    ]
    borders = [_border(era.started_at) for era in eras if first < era.started_at <= last]
    return {
        "data": [*traces, *_thresholds(lines, first, last), *_runs(runs, first, last + 2 * step, now)],
        "layout": {
            "shapes": shades + borders,
            "yaxis": {"rangemode": "tozero", "title": {"text": "distance to the baseline"}},
            "showlegend": bool(loud),
        },
    }


def series(place: int, line: FeatureLine) -> int | None:
    """The number of a line's colour, from 1: the first that were ever over their threshold have one."""
    return place + 1 if line.violated and place < _PALETTE else None


def _line(line: FeatureLine, color: str, width: float, legend: bool) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(line.points) < 100 else "lines",
        "name": plain(line.feature),
        "x": [_at(point.start) for point in line.points],
        "y": [point.drift for point in line.points],
        "line": {"color": color, "width": width},
        "marker": {"color": color, "size": 4 if legend else 2},
        "showlegend": legend,
        "hovertemplate": "%{fullData.name}<br>%{x|%Y-%m-%d %H:%M}  <b>%{y:.3f}</b><extra></extra>",
    }


def _thresholds(lines: Sequence[FeatureLine], first: datetime, last: datetime) -> list[Figure]:
    levels = sorted({line.last.threshold for line in lines if line.last.threshold is not None})[:4]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"threshold {level:g}",
            "x": [_at(first), _at(last)],
            "y": [level, level],
            "line": {"color": "var(--ink)", "width": 1, "dash": "dash"},
            "showlegend": True,
            "hoverinfo": "skip",
        }
        for level in levels
    ]


def _runs(runs: Sequence[Run], first: datetime, last: datetime, now: datetime) -> list[Figure]:
    """The runs on the time axis, from their request to their end; one that goes on, up to now."""
    shown = [run for run in runs if run.requested_at <= last and (run.ended_at or now) >= first]
    if not shown:
        return []
    ends = [(max(first, run.requested_at), min(last, run.ended_at or now)) for run in shown]
    told = [f"{plain(run.name)}<br>{run.state.replace('_', ' ')}" for run in shown]
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "retraining",
            "x": [x for start, end in ends for x in (_at(start), _at(end), None)],
            "y": [y for _run in shown for y in (0, 0, None)],
            "text": [text for each in told for text in (each, each, "")],
            "line": {"color": "var(--accent)", "width": 5},
            "marker": {"color": "var(--accent)", "size": 9, "symbol": "diamond"},
            "cliponaxis": False,
            "showlegend": True,
            "hovertemplate": "%{text}<br>%{x|%Y-%m-%d %H:%M}<extra></extra>",
        }
    ]


def _touches(incident: Incident, first: datetime, last: datetime, now: datetime) -> bool:
    return incident.first_window <= last and (incident.closed_at or now) >= first


def _step(starts: Sequence[datetime]) -> timedelta:
    """The length of a window, as far as the windows tell it."""
    known = sorted(set(starts))
    return min((after - before for before, after in pairwise(known)), default=timedelta(0))


def _shade(incident: Incident, first: datetime, last: datetime, step: timedelta) -> Figure:
    end = last if incident.closed_at is None else incident.last_window
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": _at(max(first, incident.first_window)),
        "x1": _at(min(last, end) + step),
        "y0": 0,
        "y1": 1,
        "fillcolor": _SHADES[incident.kind],
        "opacity": 0.12,
        "line": {"width": 0},
        "layer": "below",
    }


def _border(at: datetime) -> Figure:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": _at(at),
        "x1": _at(at),
        "y0": 0,
        "y1": 1,
        "line": {"color": "var(--muted)", "width": 1, "dash": "dot"},
    }


def distribution(comparison: Comparison) -> Figure:
    """The window's bars over the baseline's; shares of the values that are present."""
    bars = comparison.bars
    if comparison.numeric:
        xs: list[Any] = [
            (bar.lower + bar.upper) / 2 for bar in bars if bar.lower is not None and bar.upper is not None
        ]
        widths = [bar.upper - bar.lower for bar in bars if bar.lower is not None and bar.upper is not None]
        axis: Figure = {"type": "linear"}
    else:
        xs, widths = list(range(len(bars))), []
        axis = {"tickvals": xs, "ticktext": [plain(_short(bar.label)) for bar in bars], "tickangle": -35}
    sides = [
        ("baseline", [bar.baseline for bar in bars], "var(--faint)", 1.0),
        ("this window", [bar.now for bar in bars], "var(--series-1)", 0.6),
    ]
    return {
        "data": [_bars(name, xs, ys, widths, color, opacity, bars) for name, ys, color, opacity in sides],
        "layout": {
            "barmode": "overlay" if comparison.numeric else "group",
            "bargap": 0.04 if comparison.numeric else 0.25,
            "xaxis": axis,
            "yaxis": {"tickformat": ".0%", "rangemode": "tozero", "title": {"text": "share of values"}},
            "showlegend": True,
        },
    }


def _bars(
    name: str,
    xs: list[Any],
    ys: list[float | None],
    widths: list[float],
    color: str,
    opacity: float,
    bars: Sequence[Any],
) -> Figure:
    return {
        "type": "bar",
        "name": name,
        "x": xs,
        "y": ys,
        "text": [plain(_short(bar.label)) for bar in bars],
        "textposition": "none",
        "marker": {"color": color, "line": {"width": 0}},
        "opacity": opacity,
        "hovertemplate": "%{text}<br>%{fullData.name} <b>%{y:.1%}</b><extra></extra>",
        **({"width": widths} if widths else {}),
    }


def _short(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"


def quality(points: Sequence[QualityPoint]) -> Figure:
    """One metric over time with its interval; windows without labels have no point."""
    rows = [(point, point.metric) for point in points if point.metric.value is not None]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": plain(rows[0][1].name) if rows else "",
                "x": [_at(point.start) for point, _metric in rows],
                "y": [metric.value for _point, metric in rows],
                "customdata": [[metric.low, metric.high, metric.count] for _point, metric in rows],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_gap(metric.high, metric.value) for _point, metric in rows],
                    "arrayminus": [_gap(metric.value, metric.low) for _point, metric in rows],
                    "color": "var(--series-1)",
                    "thickness": 1,
                    "width": 2,
                },
                "line": {"color": "var(--series-1)", "width": 2},
                "marker": {"color": "var(--series-1)", "size": 5},
                "hovertemplate": (
                    "%{x|%Y-%m-%d %H:%M}  <b>%{y:.4g}</b><br>%{customdata[0]:.4g} to %{customdata[1]:.4g}, "
                    "%{customdata[2]} labelled<extra></extra>"
                ),
            }
        ],
        "layout": {"showlegend": False, "yaxis": {"title": {"text": plain(rows[0][1].name) if rows else ""}}},
    }


def _gap(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else max(0.0, upper - lower)

"""Pictures as values."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from store.records import Deployment, Incident, IncidentKind, MetricRow, Outcome
from store.series import DriftPoint, QualityPoint
from tests.web.history import BEGIN, HOUR
from web import figures
from web.comparison import Bar, Comparison
from web.lines import by_feature, most_moved

HOSTILE = '<a href="http://evil.example">&amp;click</a>'


def lines(*drifts: tuple[str, list[float | None]]) -> list[DriftPoint]:
    return [
        DriftPoint(
            BEGIN + hour * HOUR,
            "v",
            name,
            drift,
            0.1,
            Outcome.VIOLATED if (drift or 0) > 0.1 else Outcome.OK,
            hour + 1,
        )
        for name, values in drifts
        for hour, drift in enumerate(values)
    ]


def incident(first: int, last: int, closed: int | None) -> Incident:
    return Incident(
        id=1,
        monitor_id=1,
        deployment_id=1,
        variant="v",
        kind=IncidentKind.DRIFT,
        opened_at=BEGIN + (first + 1) * HOUR,
        closed_at=None if closed is None else BEGIN + closed * HOUR,
        first_window=BEGIN + first * HOUR,
        last_window=BEGIN + last * HOUR,
        severity=1.0,
        features=(),
        summary="",
        breached_windows=1,
    )


def era(hour: int) -> Deployment:
    return Deployment(1, 1, "config", None, BEGIN + hour * HOUR, None, None, None)


def drawn(
    points: list[DriftPoint], *incidents: Incident, eras: tuple[Deployment, ...] = ()
) -> figures.Figure:
    return figures.drift(most_moved(by_feature(points)), incidents, eras, BEGIN + 100 * HOUR)


def test_features_over_their_threshold_have_a_colour_of_their_own() -> None:
    data = drawn(lines(("calm", [0.0, 0.05]), ("moved", [0.0, 0.3])))["data"]
    colours = {trace["name"]: trace["line"]["color"] for trace in data}
    assert colours == {
        "calm": "var(--faint)",
        "moved": "var(--series-1)",
        "threshold 0.1": "var(--ink)",
    }
    assert [trace["showlegend"] for trace in data] == [False, True, True]


def test_times_are_shown_as_they_stand_in_utc() -> None:
    (calm, threshold) = drawn(lines(("calm", [0.0, 0.05])))["data"]
    assert calm["x"] == threshold["x"] == ["2026-03-02 00:00:00", "2026-03-02 01:00:00"]


def test_a_window_without_a_distance_is_a_gap() -> None:
    assert drawn(lines(("gap", [0.0, None, 0.1])))["data"][0]["y"] == [0.0, None, 0.1]


def test_many_features_stay_readable() -> None:
    loud = [(f"loud {at}", [0.5]) for at in range(12)]
    quiet = [(f"quiet {at}", [0.0]) for at in range(300)]
    data = drawn(lines(*loud, *quiet))["data"]  # type: ignore[arg-type]
    assert len(data) == 8 + 40 + 1
    assert {trace["line"]["color"] for trace in data} >= {f"var(--series-{at})" for at in range(1, 9)}


def test_incidents_are_shaded_to_the_end_of_their_last_window() -> None:
    points = lines(("moved", [0.0, 0.3, 0.3, 0.0, 0.0]))
    closed = drawn(points, incident(1, 2, 4))["layout"]["shapes"]
    still_open = drawn(points, incident(1, 2, None))["layout"]["shapes"]
    assert [(shape["x0"], shape["x1"]) for shape in closed + still_open] == [
        ("2026-03-02 01:00:00", "2026-03-02 03:00:00"),
        ("2026-03-02 01:00:00", "2026-03-02 05:00:00"),
    ]
    assert closed[0]["fillcolor"] == "var(--warn)"


def test_incidents_of_other_times_are_not_shaded() -> None:
    points = lines(("moved", [0.0, 0.3]))
    assert drawn(points, incident(10, 12, 14))["layout"]["shapes"] == []
    assert drawn(points, incident(-9, -8, -7))["layout"]["shapes"] == []


def test_a_new_era_is_a_border_and_the_first_is_none() -> None:
    points = lines(("moved", [0.0, 0.3, 0.2]))
    (border,) = drawn(points, eras=(era(0), era(2), era(9)))["layout"]["shapes"]
    assert (border["x0"], border["x1"]) == ("2026-03-02 02:00:00", "2026-03-02 02:00:00")


def test_no_windows_are_an_empty_picture() -> None:
    assert figures.drift((), (), (), BEGIN) == {"data": [], "layout": {}}


def test_names_are_texts_to_plotly_and_not_markup() -> None:
    bars = (Bar(HOSTILE, None, None, 0.5, 0.5),)
    metric = QualityPoint(BEGIN, "v", MetricRow("<b>m</b>", 1.0, None, None, 3), 1)
    for figure in (
        drawn(lines((HOSTILE, [0.5]))),
        figures.distribution(Comparison(False, bars, "")),
        figures.quality([metric]),
    ):
        said = json.dumps(figure)
        assert "<a" not in said
        assert "<b>m" not in said
    assert figures.plain(HOSTILE) == '&lt;a href="http://evil.example"&gt;&amp;amp;click&lt;/a&gt;'


@given(st.text())
def test_no_tag_is_left_for_plotly(text: str) -> None:
    assert "<" not in figures.plain(text)


def test_long_categories_are_cut_and_equal_ones_stay_apart() -> None:
    bars = tuple(Bar("x" * 100 + str(at), None, None, 0.5, 0.5) for at in range(2))
    figure = figures.distribution(Comparison(False, bars, ""))
    assert figure["data"][0]["x"] == [0, 1]
    assert figure["layout"]["xaxis"]["ticktext"] == ["x" * 27 + "…"] * 2


def test_quality_has_its_interval_and_skips_windows_without_labels() -> None:
    points = [
        QualityPoint(BEGIN, "v", MetricRow("rmse", 2.0, 1.5, 3.0, 10), 1),
        QualityPoint(BEGIN + HOUR, "v", MetricRow("rmse", None, None, None, 0), 2),
        QualityPoint(BEGIN + timedelta(hours=2), "v", MetricRow("rmse", 1.0, None, None, 4), 3),
    ]
    (trace,) = figures.quality(points)["data"]
    assert trace["x"] == ["2026-03-02 00:00:00", "2026-03-02 02:00:00"]
    assert trace["error_y"]["array"] == [1.0, 0.0]
    assert trace["error_y"]["arrayminus"] == [0.5, 0.0]

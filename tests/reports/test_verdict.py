"""Kedge's own verdict heads every report: what was judged, what was found, and what it rests on."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

import pytest
from sqlalchemy import Engine

from baselines import versions
from monitor.reports.document import ReportDocument, write_report
from monitor.reports.period import FeatureDrift, ReportError, drifted_features
from store import monitors
from store.engine import writing
from store.records import Outcome, RejectCount
from store.series import DriftPoint
from tests.clock import HOUR, NOON
from tests.reports import story
from tests.reports.story import END, Story


def _write(told: Story, start: datetime = NOON, end: datetime = END) -> ReportDocument:
    return write_report(engine=told.engine, endpoint=told.entry, start=start, end=end, now=END + HOUR)


def _words(document: ReportDocument) -> str:
    """What a reader sees, as one line: no scripts, no styles, no tags."""
    shown = re.sub(r"<(script|style)\b.*?</\1>", " ", document.html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def test_it_says_what_drifted_how_far_and_how_often(database: Engine) -> None:
    told = story.day(database)
    document = _write(told)
    words = _words(document)
    assert "Drift report, 2026-03-02 12:00 UTC to 2026-03-03 00:00 UTC" in words
    assert "drifting when this was written" in words
    assert "9 windows judged with 1800 records; 3 with violations." in words
    assert "Baseline: version 1, 3000 records from s3://logs/baselining." in words
    found = re.search(r"length 3 of 9 (0\.\d+) (0\.\d+) 0\.1 Violations", words)
    assert found is not None
    assert 0.1 < float(found[2]) <= float(found[1]) < 1
    assert "baseline_drift_check length 3" in words
    assert "drift: " in words.partition("Incidents")[2]
    assert document.note == "3 of 9 windows with violations; pictures from the profiles"


def test_a_quiet_period_says_so(database: Engine) -> None:
    told = story.day(database)
    words = _words(_write(told, end=NOON + 6 * HOUR))
    assert "6 windows judged with 1200 records; 0 with violations." in words
    assert "No feature drifted." in words
    assert "None touched this period." in words
    assert "No labels have come for this period." in words
    assert "None in the objects that were read in this period." in words


def test_a_period_without_windows_says_so(database: Engine) -> None:
    told = story.begin(database)
    document = _write(told)
    assert "No window was judged in this period." in _words(document)
    assert "There is nothing to compare" in _words(document)
    assert document.note == "no window was judged in this period"


def test_an_endpoint_never_monitored_is_an_error(database: Engine) -> None:
    with pytest.raises(ReportError, match="the endpoint abalone-prod-endpoint was never monitored here: run"):
        write_report(engine=database, endpoint=story.endpoint(), start=NOON, end=END, now=END)


def test_quality_comes_with_its_intervals_newest_first(database: Engine) -> None:
    told = story.day(database)
    story.labels(told, 0, 2.0)
    story.labels(told, 7, 3.5)
    words = _words(_write(told))
    assert "2 windows with labels" in words
    newest, oldest = words.index("rmse 3.5 3.25 to 3.75 200"), words.index("rmse 2 1.75 to 2.25 200")
    assert newest < oldest


def test_rejects_are_told_by_kind_and_for_the_period_alone(database: Engine) -> None:
    told = story.begin(database)
    story.hour(told, 0, rejects=[RejectCount("not_json", 3, ())])
    story.hour(told, 1, rejects=[RejectCount("not_json", 2, ()), RejectCount("not_utf8", 1, ())])
    assert "Kind Count not_json 5 not_utf8 1" in _words(_write(told))
    assert "Kind Count not_json 3 Distributions" in _words(_write(told, end=NOON + HOUR))


def test_a_problem_is_the_first_thing_to_read(database: Engine) -> None:
    told = story.day(database)
    with writing(database) as connection:
        monitors.set_problem(connection, told.monitor.id, "access to s3://logs is denied", NOON)
    assert "problem when this was written: access to s3://logs is denied." in _words(_write(told))


def test_windows_of_another_baseline_version_are_told_and_left_out_of_the_pictures(database: Engine) -> None:
    told = story.day(database)
    with writing(database) as connection:
        files = story.baseline_files(told.columns, rows=2000)
        newer = versions.import_files(connection, told.monitor.id, files, NOON)
        loaded = versions.load(connection, newer.id)
    again = Story(database, told.monitor, told.deployment, loaded, told.entry, told.columns)
    for number in (9, 10):
        story.hour(again, number)
    words = _words(_write(told))
    assert "Baseline: version 2, 2000 records" in words
    assert "only the 2 windows count that baseline version 2 judged" in words
    assert "9 others are left out" in words


def test_excluded_features_have_no_picture(database: Engine) -> None:
    told = story.day(database)
    entry = told.entry.model_copy(update={"exclude": ("height",)})
    words = _words(write_report(engine=database, endpoint=entry, start=NOON, end=END, now=END))
    assert "length Distance" in words
    assert "height Distance" not in words


def _point(at: int, drift: float | None, outcome: Outcome, feature: str = "x") -> DriftPoint:
    return DriftPoint(NOON + at * HOUR, "AllTraffic", feature, drift, 0.1, outcome, at)


def test_only_violations_count_as_drift_and_the_furthest_comes_first() -> None:
    points = [
        _point(0, 0.2, Outcome.VIOLATED),
        _point(1, 0.3, Outcome.INSUFFICIENT_DATA),
        _point(2, None, Outcome.NOT_APPLICABLE),
        _point(3, 0.05, Outcome.OK),
        _point(3, 0.9, Outcome.VIOLATED, "y"),
        _point(3, 0.09, Outcome.OK, "z"),
        _point(4, 0.05, Outcome.VIOLATED, "types"),  # violated by another check
    ]
    assert drifted_features(points) == (
        FeatureDrift("y", 1, 1, 0.9, 0.9, 0.1),
        FeatureDrift("x", 1, 3, 0.3, 0.05, 0.1),
    )

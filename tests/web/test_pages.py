"""What the pages say, over the wire."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import pytest
from sqlalchemy import Engine

from config.model import Config, Discover
from store import baselines, executions, monitors, windows
from store.engine import reading, writing
from store.records import ExecutionKind, ExecutionStatus, NewExecution
from tests.clock import NOON
from tests.store import world
from tests.web.history import BEGIN, ENDPOINT, HOUR, ROWS, Told, judge_again
from tests.web.serving import REPORT, client, serving, settings


class Reader(HTMLParser):
    """A page's visible text, its links and its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.rows: list[str] = []
        self.text = ""
        self._hidden = 0
        self._in_row = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag == "tr":
            self.rows.append("")
            self._in_row = True
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")
        self._in_row = self._in_row and tag != "tr"

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.text += data
        if self._in_row:
            self.rows[-1] = " ".join([*self.rows[-1].split(), *data.split()])


def read(page: httpx.Response, status: int = 200) -> Reader:
    assert page.status_code == status, page.text[:400]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    reader = Reader()
    reader.feed(page.text)
    return reader


def row_with(reader: Reader, text: str) -> str:
    return next(row for row in reader.rows if text in row)


def test_the_fleet_says_what_is_open(visitor: httpx.Client, told: Told) -> None:
    fleet = read(visitor.get("/"))
    row = row_with(fleet, ENDPOINT)
    assert "drifting" in row
    assert "length and 2 others moved away from the baseline" in row
    assert "2026-03-03 15:00" in row
    assert "19 min ago" in row
    assert row.endswith("v1")
    assert f"/endpoints/{ENDPOINT}" in fleet.links
    assert f"/incidents/{told.drift_incident}" in fleet.links
    assert f"/executions/{told.judged[-1].id}" in fleet.links


def test_labels_that_fit_no_such_model_are_told_and_not_called_late(empty: Engine) -> None:
    told = "90 of 90 records are labelled. Their quality can't be told: name the positive one of two."
    with world.began(empty) as (connection, monitor, deployment):
        window = world.window(connection, monitor, deployment)
        world.judge(connection, window)
        measured = world.verdict(ExecutionKind.MODEL_QUALITY)
        world.judge(connection, window, replace(measured, records=90, message=told))
    with serving(empty, NOON + HOUR) as address, client(address) as visitor:
        page = read(visitor.get(f"/endpoints/{monitor.name}")).text
    assert told in page
    assert "No labels have arrived" not in page


def test_an_empty_fleet_says_what_to_do(empty: Engine) -> None:
    with serving(empty, BEGIN) as address, client(address) as visitor:
        assert "kedge watch ENDPOINT" in read(visitor.get("/")).text


@pytest.fixture
def large(empty: Engine) -> Engine:
    """120 endpoints: three have a problem."""
    with writing(empty) as connection:
        for at in range(120):
            monitor = monitors.register(connection, f"endpoint-{at:03}", "c" * 64, BEGIN)
            if at in (5, 50, 119):
                monitors.set_problem(connection, monitor.id, "its capture is denied: grant it", BEGIN)
    return empty


def test_the_fleet_has_pages_and_the_pressing_come_first(large: Engine) -> None:
    with serving(large, BEGIN) as address, client(address) as visitor:
        first, last = read(visitor.get("/")), read(visitor.get("/?page=3"))
    names = [row.split()[0] for row in first.rows[1:]]
    assert names[:4] == ["endpoint-005", "endpoint-050", "endpoint-119", "endpoint-000"]
    assert len(names) == 50
    assert "its capture is denied: grant it" in first.rows[1]
    assert "page 3 of 3, 120 endpoints" in last.text
    assert len(last.rows) == 1 + 20
    assert "/?page=2" in first.links
    assert "/?page=2" in last.links


def test_the_fleet_is_filtered_by_name_and_state(large: Engine) -> None:
    with serving(large, BEGIN) as address, client(address) as visitor:
        named = read(visitor.get("/?q=T-11"))
        broken = read(visitor.get("/?state=problem&q="))
        none = read(visitor.get("/?q=%25"))
    assert len(named.rows) == 1 + 10
    assert len(broken.rows) == 1 + 3
    assert "No endpoint fits" in none.text


def test_an_endpoint_shows_all_of_itself(visitor: httpx.Client, told: Told) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}"))
    for said in (
        "drifting",
        "8 000 in 40 objects",
        "not json 4",
        "the line is cut off at byte 211",
        "s3://logs/baselining/abalone-prod-endpoint",
        "abalone-prod-endpoint-2026-03",
        "model-package/abalone/4",
        "with Evidently, on 4000 sampled rows",
        "1h, 15m, 2d",
        "two windows in a row are complete again",
    ):
        assert said in " ".join(page.text.split()), said
    assert "violated" in row_with(page, "whole_weight")
    assert "within bounds" in row_with(page, "shell_weight")
    assert f"/reports/{told.report}" in page.links
    assert f"/incidents/{told.fault_incident}" in page.links


def test_repeated_violations_are_told_once(visitor: httpx.Client) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}"))
    told = [row for row in page.rows if "baseline_drift_check" in row]
    assert len(told) == 6
    assert row_with(page, "length baseline_drift_check").startswith(
        "length baseline_drift_check 10 2026-03-03 15:00 0.2162 0.1 The distance"
    )


def test_a_period_is_chosen_by_its_ends_or_by_windows(visitor: httpx.Client) -> None:
    early = read(visitor.get(f"/endpoints/{ENDPOINT}?start=2026-03-02T00:00&end=2026-03-02T10:00"))
    assert "None in this period." in early.text
    assert "2026-03-02 09:00" in early.text
    assert "2026-03-02 10:00 – 11:00" not in early.text
    last = read(visitor.get(f"/endpoints/{ENDPOINT}?last=3"))
    assert "2026-03-03 13:00 – 14:00" in last.text
    assert "2026-03-03 12:00 – 13:00" not in last.text


def test_links_keep_the_period(visitor: httpx.Client) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}?last=24&feature=sex"))
    assert f"/endpoints/{ENDPOINT}?last=24&feature=rings#distribution" in page.links
    assert f"/endpoints/{ENDPOINT}?feature=sex&last=168" in {
        "?".join([link.split("?")[0], "&".join(sorted(link.split("?")[1].split("&")))])
        for link in page.links
        if "last=168" in link
    }


def test_a_period_without_windows_says_so(visitor: httpx.Client) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}?start=2030-01-01"))
    assert "No window of this period is judged." in page.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("start=yesterday", "start can't be read"),
        ("start=0001-01-01T00:00:00%2B23:00", "start can't be read: lies outside of all calendars"),
        ("last=0", "last can't be read"),
        ("last=many", "last can't be read"),
        ("window=99999999999999999999", "window can't be read"),
    ],
)
def test_what_can_not_be_read_is_said(visitor: httpx.Client, query: str, sentence: str) -> None:
    assert sentence in read(visitor.get(f"/endpoints/{ENDPOINT}?{query}"), 400).text


def test_a_distribution_is_chosen_by_feature_and_window(visitor: httpx.Client, told: Told) -> None:
    window = told.judged[3].window_id
    page = read(visitor.get(f"/endpoints/{ENDPOINT}?feature=boat&window={window}"))
    said = " ".join(page.text.split())
    assert "boat in 2026-03-02 03:00 – 04:00 over baseline v1" in said
    assert row_with(page, "this window 200 100").endswith("3")
    assert row_with(page, "Curlew").startswith("Curlew 3")


def test_an_unknown_feature_or_window_falls_back(visitor: httpx.Client) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}?feature=nothing&window=4711&variant=none&metric=none"))
    assert "in 2026-03-03 15:00 – 16:00 over baseline v1" in " ".join(page.text.split())


def test_a_window_without_its_profile_says_so(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        connection.exec_driver_sql("UPDATE windows SET profile = NULL")
    with serving(own_history, told.now) as address, client(address) as visitor:
        assert "has outlived its retention" in read(visitor.get(f"/endpoints/{ENDPOINT}")).text


def test_a_profile_of_another_version_says_so(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        connection.exec_driver_sql("UPDATE windows SET profile = x'00112233'")
    with serving(own_history, told.now) as address, client(address) as visitor:
        assert "can't be read" in read(visitor.get(f"/endpoints/{ENDPOINT}")).text


def test_quality_is_shown_by_metric_with_its_interval(visitor: httpx.Client) -> None:
    page = read(visitor.get(f"/endpoints/{ENDPOINT}?metric=r2"))
    assert row_with(page, "2026-03-02 03:00 0.55") == "2026-03-02 03:00 0.55 0.5 0.6 180"


def test_variants_are_shown_one_at_a_time(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        connection.exec_driver_sql("UPDATE windows SET variant = 'Canary' WHERE id % 2 = 0")
    with serving(own_history, told.now) as address, client(address) as visitor:
        shown = [
            read(visitor.get(f"/endpoints/{ENDPOINT}?variant={variant}&last=8"))
            for variant in ("Canary", "AllTraffic")
        ]
    judged = [
        {row for row in page.rows if re.match(r"2026-03-0\d \d\d:00 – .*violations", row)} for page in shown
    ]
    assert [len(rows) for rows in judged] == [4, 4]
    assert not judged[0] & judged[1]
    assert any("variant=Canary" in link for link in shown[0].links)


def test_a_window_that_could_not_be_judged_says_why(own_history: Engine, told: Told) -> None:
    failed = NewExecution(
        kind=ExecutionKind.DATA_QUALITY,
        status=ExecutionStatus.FAILED,
        baseline_id=None,
        distance_mode="correct",
        records=0,
        rejected=0,
        message="no baseline: name one",
        config_digest="c",
    )
    with writing(own_history) as connection:
        window = windows.by_id(connection, told.judged[-1].window_id)
        assert window is not None
        execution = executions.record(connection, window, failed, told.now)
    with serving(own_history, told.now) as address, client(address) as visitor:
        assert "failed" in row_with(read(visitor.get("/")), ENDPOINT)
        assert "no baseline: name one" in read(visitor.get(f"/executions/{execution.id}")).text
        page = read(visitor.get(f"/endpoints/{ENDPOINT}"))
    assert row_with(page, "15:00 – 16:00 failed").startswith("2026-03-03 15:00 – 16:00 failed 0 0 0 – 2")


def test_many_incidents_do_not_fill_the_page(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        for _ in range(30):
            connection.exec_driver_sql(
                "INSERT INTO incidents (monitor_id, deployment_id, variant, kind, opened_at, closed_at, "
                "first_window, last_window, severity, features, summary, breached_windows) "
                "SELECT monitor_id, deployment_id, variant, kind, opened_at, opened_at, first_window, "
                "last_window, severity, features, summary, breached_windows FROM incidents WHERE id = 1"
            )
    with serving(own_history, told.now) as address, client(address) as visitor:
        page = read(visitor.get(f"/endpoints/{ENDPOINT}"))
    assert "12 older ones are in the API" in page.text
    assert sum(link.startswith("/incidents/") for link in page.links) == 20


def test_an_endpoint_in_trouble_says_what_to_do(large: Engine) -> None:
    with serving(large, BEGIN) as address, client(address) as visitor:
        page = read(visitor.get("/endpoints/endpoint-050"))
        waiting = read(visitor.get("/endpoints/endpoint-051"))
    assert "its capture is denied: grant it" in page.text
    assert "the sentence above says what is in the way" in page.text
    assert "Waiting for data" in waiting.text
    assert "kedge baseline create" in waiting.text


def test_windows_are_judged_again_on_request(own_history: Engine, told: Told) -> None:
    with serving(own_history, told.now) as address, client(address) as visitor:
        page = visitor.get(f"/endpoints/{ENDPOINT}?last=3").text
        action = page.split('action="')[-1].split('"')[0].replace("&amp;", "&")
        answer = visitor.post(action, headers={"origin": address})
        assert answer.status_code == 303
        assert "3 windows are marked" in read(visitor.get(answer.headers["location"])).text
    with reading(own_history) as connection:
        due = windows.due(connection, told.monitor.id, told.now)
    assert [window.start for window in due] == [BEGIN + hour * HOUR for hour in (37, 38, 39)]


def test_an_execution_puts_each_check_in_words(visitor: httpx.Client, told: Told) -> None:
    page = read(visitor.get(f"/executions/{told.judged[-1].id}"))
    assert "The distance 0.216 exceeds the threshold 0.1." in row_with(page, "length baseline_drift_check")
    assert "6 of 10 checks were violated" in page.text
    assert "ModelQuality" not in page.text
    assert "Fractional" in row_with(page, "length Fractional")
    link = next(link for link in page.links if "feature=length" in link)
    assert f"window={told.judged[-1].window_id}" in link


def test_an_execution_names_what_took_its_place(own_history: Engine, told: Told) -> None:
    newer = judge_again(own_history, told)
    with serving(own_history, told.now) as address, client(address) as visitor:
        old = read(visitor.get(f"/executions/{told.judged[-1].id}"))
        new = read(visitor.get(f"/executions/{newer.id}"))
    assert "superseded by revision 2" in " ".join(old.text.split())
    assert f"/executions/{newer.id}" in old.links
    assert "superseded" not in new.text
    assert f"/executions/{told.judged[-1].id}" in new.links


def test_an_execution_that_stood_beside_is_not_called_superseded(own_history: Engine, told: Told) -> None:
    """A later verdict took the place of the verdict before it, not of the answer beside."""
    with writing(own_history) as connection:
        execution = told.judged[-1]
        other = baselines.add(
            connection, told.monitor.id, statistics="{}", constraints="{}", source="by hand",
            source_digest="another", records=1, features=1, now=told.now,
        )  # fmt: skip
        window = windows.by_id(connection, execution.window_id)
        assert window is not None
        new = NewExecution(
            kind=ExecutionKind.DATA_QUALITY, status=execution.status, baseline_id=other.id,
            distance_mode="correct", records=ROWS, rejected=0, message="", config_digest="c" * 64,
        )  # fmt: skip
        beside = executions.record(connection, window, new, told.now, beside=True)
    verdict = judge_again(own_history, told)
    with serving(own_history, told.now) as address, client(address) as visitor:
        page = read(visitor.get(f"/executions/{beside.id}"))
    assert "superseded" not in page.text
    said = f"Held against baseline v{other.version}. The verdict, by baseline v{told.baseline.version}, is"
    assert f"{said} revision {verdict.revision}" in " ".join(page.text.split())


def test_an_execution_of_quality_shows_its_metrics(visitor: httpx.Client, told: Told) -> None:
    data = read(visitor.get(f"/executions/{told.judged[0].id}"))
    link = next(link for link in data.links if link.startswith("/executions/"))
    quality = read(visitor.get(link))
    assert "rmse 2.1 1.89 2.31 180" in row_with(quality, "rmse")
    assert "No check was made." in quality.text


def test_an_incident_tells_its_story(visitor: httpx.Client, told: Told) -> None:
    drift = read(visitor.get(f"/incidents/{told.drift_incident}"))
    fault = read(visitor.get(f"/incidents/{told.fault_incident}"))
    assert [row.split()[2] for row in drift.rows[1:]] == ["opened", "worsened", "continued"]
    assert "abalone-prod-endpoint-2026-03" in drift.text
    assert f"/endpoints/{ENDPOINT}?feature=length#distribution" in drift.links
    assert "two windows in a row are complete again" in fault.text
    assert "blocks retraining" in fault.text
    assert "blocks retraining" not in drift.text


def test_a_report_is_shown_in_a_sandbox(history: Engine, told: Told) -> None:
    asked: list[tuple[str, str]] = []

    def read_report(endpoint: str, uri: str) -> bytes:
        asked.append((endpoint, uri))
        return REPORT

    with serving(history, told.now, read_report=read_report) as address, client(address) as visitor:
        report = visitor.get(f"/reports/{told.report}")
    assert report.content == REPORT
    assert asked == [(ENDPOINT, f"s3://logs/reports/{ENDPOINT}.html")]
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_a_report_that_is_gone_is_said(visitor: httpx.Client, told: Told) -> None:
    page = read(visitor.get(f"/reports/{told.report}"), 502)
    assert "abalone-prod-endpoint.html is not there any more: write the report again." in page.text


def test_pages_need_nothing_from_elsewhere(visitor: httpx.Client, told: Told) -> None:
    for path in ("/", f"/endpoints/{ENDPOINT}", f"/executions/{told.judged[0].id}"):
        text = visitor.get(path).text
        assert 'src="http' not in text
        assert 'href="http' not in text
        assert 'name="viewport"' in text
        assert "<script>" not in text
        assert " onclick" not in text


def test_static_files_are_kept_by_browsers(visitor: httpx.Client) -> None:
    for name, kind in (
        ("kedge.css", "text/css"),
        ("kedge.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        answer = visitor.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    plotly = visitor.get("/static/plotly.min.js")
    assert plotly.text.startswith("/**\n* plotly.js v")
    assert plotly.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "kedge.css%00"])
def test_no_other_file_is_served(visitor: httpx.Client, name: str) -> None:
    assert visitor.get(f"/static/{name}").status_code == 404


def test_a_key_that_nothing_acts_on_is_told_on_the_page(history: Engine, told: Told) -> None:
    config = Config(discover=Discover(), endpoints=settings().endpoints)
    with serving(history, told.now, config=lambda: config) as address, client(address) as visitor:
        fleet = read(visitor.get("/"))
    assert "discover is set, and this version does not act on it" in fleet.text

"""Reports as a browser shows them: everything drawn, nothing fetched, nothing run that a stranger wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine

from monitor.reports.document import write_report
from tests.clock import NOON
from tests.reports import story
from tests.reports.story import END, Columns
from web.pages.report import _SANDBOX

EVIL = "</script><img src=x onerror='window.harm=1'><script>window.harm=1</script>"
COLUMNS = Columns(number=f"length{EVIL}", texts=(EVIL, "<b>F</b>", "M"))
ADDRESS = "http://kedge.test/reports/1"

# how many pictures are wider than their place
OVERFLOWING = """[...document.querySelectorAll(".js-plotly-plot")].filter(
    (plot) => plot.querySelector("svg").getBoundingClientRect().right
        > plot.closest("section").getBoundingClientRect().right + 1).length"""


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, html: str) -> None:
        """As the dashboard serves it: in a sandbox, under a policy that lets nothing in from elsewhere."""
        headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _SANDBOX}
        self.page.route(ADDRESS, lambda route: route.fulfill(body=html, headers=headers))
        self.page.goto(ADDRESS)
        assert self.page.evaluate("window.origin") == "null"  # the sandbox holds

    def fetched(self) -> list[str]:
        """What it asked of anyone but itself."""
        return [url for url in self.requests if url != ADDRESS and not url.startswith(("data:", "blob:"))]


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    yield Watched(page)
    page.close()


def test_pictures_are_drawn_without_a_network(engine: Engine, watched: Watched) -> None:
    told = story.day(engine, columns=COLUMNS)
    watched.open(write_report(engine=engine, endpoint=told.entry, start=NOON, end=END, now=END).html)
    watched.page.wait_for_selector(".js-plotly-plot .bars path", state="attached")
    assert watched.page.locator(".js-plotly-plot").count() == 3
    assert watched.page.evaluate(OVERFLOWING) == 0
    assert watched.page.locator("h3").first.inner_text() == f"length{EVIL}"
    shown = watched.page.locator(".js-plotly-plot .xtick text").all_text_contents()
    assert "<b>F</b>" in shown
    assert (watched.fetched(), watched.errors) == ([], [])
    assert watched.page.evaluate("window.harm") is None


def test_evidently_is_drawn_without_a_network(engine: Engine, watched: Watched) -> None:
    pytest.importorskip("evidently", reason="the extra evidently is not installed")
    told = story.begin(engine, sample_rows=400, columns=COLUMNS)
    for number in range(3):
        story.hour(told, number, shift=1.0)
    watched.open(write_report(engine=engine, endpoint=told.entry, start=NOON, end=END, now=END).html)
    watched.page.wait_for_selector("text=Data Drift Summary")
    watched.page.wait_for_selector("text=Kedge, Robust (correct)")
    assert watched.page.locator("h1").first.inner_text() == story.NAME
    assert (watched.fetched(), watched.errors) == ([], [])
    assert watched.page.evaluate("window.harm") is None


def test_it_is_readable_on_a_phone(engine: Engine, watched: Watched) -> None:
    told = story.day(engine)
    watched.page.set_viewport_size({"width": 390, "height": 800})
    watched.open(write_report(engine=engine, endpoint=told.entry, start=NOON, end=END, now=END).html)
    watched.page.wait_for_selector(".js-plotly-plot .bars path", state="attached")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert watched.page.evaluate(OVERFLOWING) == 0

"""The pages in a real browser: pictures are drawn, phones can read them, hostile values do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page
from sqlalchemy import Engine

from store.engine import writing
from tests.web.history import ENDPOINT, NUMBERS, Told, tell
from tests.web.serving import serving

IMAGE = '"><img src=x onerror=alert(1)>'
SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "</script><script>alert(2)</script><!--"
TEMPLATE = "%{fullData.name}{{7*7}}${alert(3)}"
LINK = '<a href="javascript:alert(4)">click</a>'
SPOOF = "\u202egnp.exe"
TOKEN = "a-long-enough-token-for-a-test"


@dataclass
class Watched:
    """A page, and everything it did that it should not."""

    page: Page
    wrong: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error {error}"))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def open(self, url: str) -> None:
        self.page.goto(url, wait_until="load")

    def drawn(self, figure: str) -> None:
        self.page.wait_for_selector(f"#{figure} .main-svg", timeout=20_000)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context.new_page())
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(
        viewport={"width": 375, "height": 700}, device_scale_factor=2, is_mobile=True, has_touch=True
    )
    yield Watched(context.new_page())
    context.close()


def test_pictures_are_drawn_without_the_network(watched: Watched, address: str) -> None:
    watched.open(f"{address}/endpoints/{ENDPOINT}")
    for figure in ("drift-figure", "distribution-figure", "quality-figure"):
        watched.drawn(figure)
    assert watched.page.locator("#drift-figure .scatterlayer .trace").count() == 10 + 1
    assert watched.page.locator("#drift-figure .shapelayer path").count() >= 3
    assert watched.page.locator("#distribution-figure .barlayer .trace").count() == 2
    assert watched.page.locator("#quality-figure .errorbar").count() == 34
    assert {url.split("/")[2] for url in watched.requested if url.startswith("http")} == {
        address.split("/")[2]
    }
    assert watched.wrong == []


def test_the_scheme_of_the_system_colours_page_and_pictures(browser: Browser, address: str) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        watched = Watched(context.new_page())
        watched.open(f"{address}/endpoints/{ENDPOINT}")
        watched.drawn("drift-figure")
        shades[scheme] = (
            watched.page.evaluate("getComputedStyle(document.body).backgroundColor"),
            watched.page.evaluate(
                "getComputedStyle(document.querySelector('#drift-figure .legendtext')).fill"
            ),
        )
        context.close()
    assert shades["light"][0] != shades["dark"][0]
    assert shades["light"][1] != shades["dark"][1]


def test_pages_link_to_each_other(watched: Watched, address: str, told: Told) -> None:
    page = watched.page
    watched.open(address)
    page.get_by_role("link", name=ENDPOINT).click()
    page.get_by_role("link", name="shell_weight").click()
    assert "feature=shell_weight" in page.url
    page.locator("select[name=window]").select_option(str(told.judged[2].window_id))
    page.locator("#distribution").get_by_role("button", name="Show").click()
    assert f"window={told.judged[2].window_id}" in page.url
    assert "feature=shell_weight" in page.url
    assert "in 2026-03-02 02:00 – 03:00 over baseline v1" in page.locator("#distribution h3").inner_text()
    page.locator("#windows a").first.click()
    assert page.url.endswith(f"/executions/{told.judged[-1].id}")
    page.get_by_role("link", name=ENDPOINT).click()
    page.locator("#incidents a", has_text="open since").click()
    assert page.url.endswith(f"/incidents/{told.drift_incident}")
    assert watched.wrong == []


def test_a_button_has_windows_judged_again(browser: Browser, own_history: Engine, told: Told) -> None:
    context = browser.new_context()
    watched = Watched(context.new_page())
    with serving(own_history, told.now) as address:
        watched.open(f"{address}/endpoints/{ENDPOINT}?last=2")
        watched.page.get_by_role("button", name="Judge these windows again").click()
        assert "2 windows are marked" in watched.page.locator(".notice").inner_text()
    context.close()
    assert watched.wrong == []


@pytest.mark.parametrize(
    "path", ["/", f"/endpoints/{ENDPOINT}", "/executions/{execution}", "/incidents/{incident}"]
)
def test_a_phone_shows_one_column(phone: Watched, address: str, told: Told, path: str) -> None:
    phone.open(address + path.format(execution=told.judged[-1].id, incident=told.drift_incident))
    if "endpoints" in path:
        phone.drawn("drift-figure")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 375
    size = phone.page.evaluate("getComputedStyle(document.body).fontSize")
    assert float(size.removesuffix("px")) >= 14
    cut = phone.page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 376"
        " && !e.closest('.scroll, .toc, .figure')).map(e => e.outerHTML.slice(0, 80))"
    )
    assert cut == []
    assert phone.wrong == []


def test_without_scripts_the_numbers_are_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/endpoints/{ENDPOINT}")
    page.locator("#drift summary").click()
    assert page.locator("#drift details tbody tr").count() == 40
    context.close()


@pytest.fixture
def hostile(empty: Engine) -> Engine:
    """A history in which strangers chose the names and the values."""
    names = [*NUMBERS, "sex", "boat"]
    names[1], names[2], names[4], names[5] = IMAGE, BREAKOUT, TEMPLATE, LINK
    tell(empty, names=names, boats=(SCRIPT, IMAGE, LINK, SPOOF, "a\nb\tc"), detail=f" {SCRIPT}{IMAGE}")
    with writing(empty) as connection:
        connection.exec_driver_sql(
            "UPDATE objects SET key = key || ?", ('/"><script>alert(5)</script><img src=x onerror=alert(6)>',)
        )
        connection.exec_driver_sql("UPDATE reports SET note = ?, uri = ?", (SCRIPT, f"s3://logs/{IMAGE}"))
        connection.exec_driver_sql("UPDATE deployments SET endpoint_config = ?", (IMAGE,))
    return empty


def test_hostile_values_do_no_harm(watched: Watched, hostile: Engine, told: Told) -> None:
    with serving(hostile, told.now) as address:
        base = f"{address}/endpoints/{ENDPOINT}"
        watched.open(base)
        watched.drawn("drift-figure")
        watched.drawn("distribution-figure")
        links = watched.page.locator("#drift tbody th a")
        addresses = [links.nth(at).get_attribute("href") or "" for at in range(links.count())]
        assert len(addresses) >= 10
        for link in addresses[:10]:
            watched.open(f"{address}{link}")
            watched.drawn("distribution-figure")
            watched.page.locator("#distribution-figure").hover()
        for path in (
            "/",
            f"/executions/{told.judged[-1].id}",
            f"/incidents/{told.drift_incident}",
            "/reports/1",
        ):
            watched.page.goto(f"{address}{path}")
        watched.wrong = [wrong for wrong in watched.wrong if "502 (Bad Gateway)" not in wrong]
        assert watched.wrong == []
        assert [url for url in watched.requested if url.endswith("/x")] == []


def test_hostile_values_are_shown_as_they_are(watched: Watched, hostile: Engine, told: Told) -> None:
    with serving(hostile, told.now) as address:
        watched.open(f"{address}/endpoints/{ENDPOINT}?feature=boat")
        watched.drawn("distribution-figure")
        watched.page.locator("#distribution summary").click()
        shown = watched.page.locator("#distribution details tbody th").all_inner_texts()
        assert {SCRIPT, IMAGE, LINK, "\ufffdgnp.exe"} <= set(shown), "nothing is turned around"
        features = watched.page.locator("#drift tbody th a").all_inner_texts()
        assert {IMAGE, BREAKOUT, TEMPLATE, LINK} <= set(features)
        ticks = " ".join(watched.page.locator("#distribution-figure .xtick text").all_text_contents())
        assert "<script>alert(1)</script>" in ticks
        assert watched.page.locator("#distribution-figure a, #drift-figure a").count() == 0
        legend = watched.page.locator("#drift-figure .legendtext").all_text_contents()
        assert IMAGE in legend
        assert LINK in legend


def test_a_report_reaches_neither_the_session_nor_the_network(
    browser: Browser, history: Engine, told: Told
) -> None:
    report = b"""<!doctype html><p id=said></p><script>
      const said = [];
      try { said.push("cookie " + document.cookie); } catch (error) { said.push("no cookie"); }
      try { said.push("storage " + localStorage.length); } catch (error) { said.push("no storage"); }
      fetch("/api/v1/fleet").then(() => said.push("network"), () => said.push("no network"))
        .then(() => { document.getElementById("said").textContent = said.join(", "); });
    </script>"""
    context = browser.new_context()
    with serving(history, told.now, token=TOKEN, read_report=lambda _uri: report) as address:
        page = context.new_page()
        page.goto(f"{address}/reports/{told.report}")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#said:not(:empty)")
        assert page.url.endswith(f"/reports/{told.report}")
        assert page.locator("#said").inner_text() == "no cookie, no storage, no network"
    context.close()


def test_signing_in_and_out(watched: Watched, history: Engine, told: Told) -> None:
    page = watched.page
    with serving(history, told.now, token=TOKEN) as address:
        watched.open(f"{address}/endpoints/{ENDPOINT}?last=24")
        assert "/sign-in" in page.url
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(246, 247, 248)", "the form has the style of the other pages"
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        assert "not the token" in page.get_by_role("alert").inner_text()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{address}/endpoints/{ENDPOINT}?last=24"
        watched.drawn("drift-figure")
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        assert page.url == f"{address}/sign-in"
        page.goto(f"{address}/")
        assert "/sign-in" in page.url
    assert [wrong for wrong in watched.wrong if "401" not in wrong] == []


def test_another_site_can_not_use_the_session(browser: Browser, own_history: Engine, told: Told) -> None:
    form = f'<form method=post action="%s/endpoints/{ENDPOINT}/judge"></form>'
    form += "<script>document.forms[0].submit()</script>"
    context = browser.new_context()
    with serving(own_history, told.now, token=TOKEN) as address:
        page = context.new_page()
        page.goto(f"{address}/")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{address}/")
        context.route(
            "http://evil.example/",
            lambda route: route.fulfill(content_type="text/html", body=form % address),
        )
        with page.expect_response(lambda response: response.url.endswith("/judge")) as answer:
            page.goto("http://evil.example/")
        assert answer.value.status == 403
    context.close()

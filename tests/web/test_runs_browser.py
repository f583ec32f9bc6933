"""A run in a real browser: a person approves it, hostile sentences do no harm, a phone can read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Connection, Engine

from store import runs
from store.engine import writing
from store.retraining import Run, RunReason, RunState, Trial
from tests.web import retraining
from tests.web.history import ENDPOINT, Told
from tests.web.retraining import RUN
from tests.web.serving import serving
from tests.web.test_browser import BREAKOUT, IMAGE, LINK, SCRIPT, SPOOF, TEMPLATE, Watched
from tests.web.test_runs import stored

TOKEN = "a-long-enough-token-for-a-test"


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


def test_a_person_approves_a_run(watched: Watched, own_history: Engine, told: Told) -> None:
    page = watched.page
    with writing(own_history) as connection:
        retraining.registered(connection, told)
    with serving(own_history, told.now, token=TOKEN) as address:
        watched.open(address)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.locator("td.open a", has_text="approval wanted").click()
        assert page.url == f"{address}/runs/{RUN}"
        assert page.locator(".stages [aria-current=step] b").inner_text() == "registered"
        page.get_by_role("button", name="Approve the model").click()
        page.wait_for_selector(".notice >> text=told to approve")
        assert page.url == f"{address}/runs/{RUN}"
        assert page.get_by_role("button", name="Approve the model").count() == 0
    assert stored(own_history).approval == "approve"
    # the icon is asked for before signing in
    assert [wrong for wrong in watched.wrong if "401" not in wrong] == []


def test_a_person_rejects_a_run(watched: Watched, own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        retraining.registered(connection, told)
    with serving(own_history, told.now) as address:
        watched.open(f"{address}/runs/{RUN}")
        watched.page.get_by_role("button", name="Reject the model").click()
        watched.page.wait_for_selector(".notice >> text=told to reject")
    assert stored(own_history).approval == "reject"


def test_runs_and_eras_stand_on_the_time_axis(watched: Watched, own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        retraining.adopted(connection, told)
    with serving(own_history, told.now) as address:
        watched.open(f"{address}/endpoints/{ENDPOINT}")
        watched.drawn("drift-figure")
        assert watched.page.locator("#drift-figure .scatterlayer .trace").count() == 10 + 1 + 1
        legend = watched.page.locator("#drift-figure .legendtext").all_text_contents()
        assert "retraining" in legend
        assert watched.page.locator("#drift-figure .shapelayer path").count() >= 3, "two incidents, one era"
    assert watched.wrong == []


def hostile(connection: Connection, told: Told) -> Run:
    """A run whose target answered with everything that could hurt a page."""
    run = retraining.started(connection, told, f"Retrain. {SCRIPT}{TEMPLATE}")
    runs.set_trials(connection, run.id, (Trial(IMAGE[:16], SCRIPT[:32], 1.0, 2.0, 1.0, 0.5, 1.5, 3),))
    return runs.move(
        connection,
        run,
        RunState.FAILED,
        RunReason.TARGET_FAILED,
        f"The training failed: {BREAKOUT}: {IMAGE}{SCRIPT}{LINK}{SPOOF}\x1b[31m",
        retraining.at(5),
        output=f'{{"model_data": "{LINK.replace(chr(34), "")}", "image": "javascript:alert(9)"}}',
        handle=IMAGE,
        model_package=SCRIPT,
        new_endpoint_config=IMAGE,
        old_endpoint_config=BREAKOUT,
    )


def test_hostile_sentences_do_no_harm(watched: Watched, own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        hostile(connection, told)
    with serving(own_history, told.now) as address:
        for path in (f"/runs/{RUN}", f"/endpoints/{ENDPOINT}", "/"):
            watched.open(address + path)
        watched.open(f"{address}/runs/{RUN}")
        lead = watched.page.locator(".lead").inner_text()
        assert f"{IMAGE}{SCRIPT}{LINK}\ufffdgnp.exe\ufffd[31m" in lead, (
            "shown as it is, nothing turned around"
        )
        links = watched.page.locator("main a")
        addresses = [links.nth(at).get_attribute("href") or "" for at in range(links.count())]
        assert all(link.startswith("/") for link in addresses)
        assert watched.page.locator("main img, main script").count() == 0
    assert watched.wrong == []
    assert [url for url in watched.requested if url.endswith("/x")] == []


def test_a_phone_shows_a_run_in_one_column(phone: Watched, own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        retraining.registered(connection, told)
    with serving(own_history, told.now) as address:
        for path in (f"/runs/{RUN}", f"/endpoints/{ENDPOINT}", "/"):
            phone.open(address + path)
            assert phone.page.evaluate("document.documentElement.scrollWidth") <= 375
            cut = phone.page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 376"
                " && !e.closest('.scroll, .toc, .figure')).map(e => e.outerHTML.slice(0, 80))"
            )
            assert cut == []
    assert phone.wrong == []

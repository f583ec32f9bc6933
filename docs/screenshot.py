"""Plays the demo's story and takes the pictures that README and docs show: `make screenshot`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from demo import story
from demo.endpoint import ENDPOINT
from demo.script import Plot
from demo.served import free_port

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def main() -> None:
    """Take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        story.telling(Plot(), Path(folder), free_port(), lambda line: None) as told,
    ):
        story.tell_hours(told, lambda at: None)
        take(f"{told.served.url}/endpoints/{ENDPOINT}", IMAGES / "endpoint.png", height=1250)
        take(f"{told.served.url}/", IMAGES / "fleet.png", height=420)
    sys.stdout.write(f"written to {IMAGES}\n")


def take(url: str, target: Path, *, height: int, width: int = 1100) -> None:
    """One picture of what a browser shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        if "/endpoints/" in url:
            page.wait_for_selector(".js-plotly-plot .main-svg", timeout=20_000)
        page.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    main()

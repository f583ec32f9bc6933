"""`kedge run`: windows judged into the database, here and now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clock import HOUR, MINUTE, NOON
from tests.commands.line import Ran, kedge
from tests.judging.test_comparison import capture, line

RNG = np.random.default_rng(11)


@pytest.fixture
def traffic(imported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An endpoint that answered two hours long; in the second of them the rings are far off."""
    for hour, offset in ((0, 0.0), (1, 40.0)):
        start = NOON + hour * HOUR
        lines = [
            line(start + n * MINUTE / 4, offset + float(RNG.uniform(0, 29)), f"{RNG.uniform(0, 2.9)}")
            for n in range(200)
        ]
        key = f"abalone-prod/AllTraffic/{start:%Y/%m/%d/%H}/00-00-000-{hour}.jsonl"
        capture(imported / "capture" / key, *lines)
    (imported / "clock").write_text((NOON + 3 * HOUR).isoformat())
    monkeypatch.setenv("KEDGE_CLOCK", str(imported / "clock"))
    return imported


def windows(ran: Ran) -> list[dict[str, Any]]:
    assert (ran.status, ran.out.count("\n")) == (0, 1), ran
    read = json.loads(ran.out)
    assert isinstance(read, list)
    return read


def test_what_closed_is_judged(traffic: Path) -> None:
    first, second = windows(kedge("run", "abalone-prod", "--json"))
    assert (first["start"], first["end"]) == (NOON.isoformat(), (NOON + HOUR).isoformat())
    assert (first["records"], first["status"], first["violations"]) == (200, "Completed", 0)
    assert (second["records"], second["status"]) == (200, "CompletedWithViolations")
    assert {first["revision"], second["revision"]} == {1}


def test_people_are_told_a_line_a_window(traffic: Path) -> None:
    ran = kedge("run", "abalone-prod")
    assert ran.out.splitlines() == [
        "2026-03-02 12:00 – 13:00 UTC  AllTraffic  revision 1  200 records  0 rejected  "
        "Completed: Job completed successfully with no violations.",
        "2026-03-02 13:00 – 14:00 UTC  AllTraffic  revision 1  200 records  0 rejected  "
        "CompletedWithViolations: Job completed successfully with 1 violations.",
    ]


def test_doing_it_twice_is_doing_it_once(traffic: Path) -> None:
    assert windows(kedge("run", "abalone-prod", "--json")) == windows(kedge("run", "abalone-prod", "--json"))


def test_a_period_is_judged_again(traffic: Path) -> None:
    kedge("run", "abalone-prod")
    again = windows(kedge("run", "abalone-prod", "--start", "2026-03-02T13:00", "--json"))
    assert [(window["start"], window["revision"]) for window in again] == [((NOON + HOUR).isoformat(), 2)]
    every = windows(kedge("run", "abalone-prod", "--json"))
    assert [window["revision"] for window in every] == [1, 2]


def test_a_window_that_is_open_is_not_judged(traffic: Path) -> None:
    (traffic / "clock").write_text((NOON + 70 * MINUTE).isoformat())
    assert kedge("run", "abalone-prod").out == "No window has closed yet.\n"
    assert windows(kedge("run", "abalone-prod", "--json")) == []
    long_ago = kedge("run", "abalone-prod", "--start", "2020-01-01", "--end", "2020-01-02")
    assert long_ago.out == "No window in that time holds captures.\n"


def test_without_a_baseline_nothing_is_judged(configured: Path) -> None:
    sentence = kedge("run", "abalone-prod").sentence
    assert sentence.startswith("endpoint abalone-prod has no baseline")
    assert "kedge baseline import abalone-prod" in sentence


def test_a_report_of_a_period_without_windows_overwrites_none(traffic: Path) -> None:
    kedge("run", "abalone-prod")
    given = ("report", "abalone-prod", "--output", "report.html")
    assert kedge(*given).status == 0
    written = (traffic / "report.html").read_bytes()
    sentence = kedge(*given, "--start", "2026-03-01", "--end", "2026-03-02").sentence
    assert sentence == (
        "no judged window of abalone-prod lies between 2026-03-01 00:00 and 2026-03-02 00:00 UTC, "
        "so nothing is written: give another --start and --end"
    )
    assert (traffic / "report.html").read_bytes() == written
    assert kedge(*given, "--start", "0001-01-01", "--end", "9999-12-31").status == 0
    assert "no judged window" in kedge(*given, "--end", "0001-01-02").sentence


def test_a_stored_version_and_an_engine_are_not_taken_together(traffic: Path) -> None:
    ran = kedge("run", "abalone-prod", "--baseline", "1", "--engine", "spark")
    assert ran.sentence == "--baseline reads no capture, so --engine can't help it: leave one of them out"

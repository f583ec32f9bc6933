"""The table of readers says what was measured, and a server that is farther away answers later."""

from __future__ import annotations

import time

import httpx

from benchmarks.distance import farther
from benchmarks.reading import Reading, table

RUNS = {
    "disk": [Reading(200_000_000, 0.1, 0.05)],
    "S3": [Reading(200_000_000, wall, 1.0) for wall in (1.0, 9.0, 2.0)],
}


def test_the_table_has_medians() -> None:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(RUNS, 100).splitlines()]
    assert lines[2:] == [["disk", "2,000", "1,000", "0.05", "0.50"], ["S3", "100", "50", "1.00", "10.00"]]


def test_a_server_that_is_farther_away_answers_the_same_and_later(aws: str) -> None:
    with farther(aws, 0.2) as away, httpx.Client(trust_env=False) as client:
        begun = time.monotonic()
        assert client.get(f"{away}/moto-api/data.json").status_code == 200
        assert time.monotonic() - begun >= 0.2

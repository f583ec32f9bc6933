"""The benchmark's table says what was measured; the runner measures real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.bench import BenchError, timed
from benchmarks.table import BEGIN, END, Measure, NoMarkersError, Row, put, table

ROWS = (
    Row(
        "kedge", "0.1", (Measure(3.0, 4.0, 100_000_000), Measure(1.0, 2.0, 90_000_000), Measure(2.0, 9.0, 1))
    ),
    Row("peer", "2", (Measure(21.0, 22.5, 900_000_000),)),
)


def test_the_table_has_medians_and_ratios() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(ROWS).splitlines()]
    assert cells[0] == ["program", "wall s", "CPU s", "peak MB", "wall against Kedge"]
    assert cells[2:] == [
        ["kedge 0.1", "2.00", "4.00", "90", "1.0 ×"],
        ["peer 2", "21.00", "22.50", "900", "10.5 ×"],
    ]


def test_without_kedge_there_is_no_ratio() -> None:
    assert table(ROWS[1:]).splitlines()[-1].endswith("– |")


def test_the_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    for _ in range(2):
        put(page, "CSV", table(ROWS))
    assert page.read_text() == f"above\n{BEGIN}\n\n### CSV\n\n{table(ROWS)}\n\n{END}\nbelow\n"


def test_each_heading_keeps_its_own_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    for heading, text in (("CSV", "old"), ("JSON", table(ROWS)), ("CSV", table(ROWS[:1]))):
        put(page, heading, text)
    told = f"### CSV\n\n{table(ROWS[:1])}\n\n### JSON\n\n{table(ROWS)}"
    assert page.read_text() == f"{BEGIN}\n\n{told}\n\n{END}\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_markers_is_left_alone(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(NoMarkersError, match=r"page\.md has no place"):
        put(page, "CSV", "table")
    assert page.read_text() == text


def test_what_a_process_used_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.bench.BENCH", tmp_path)
    taken, said = timed([sys.executable, "-c", "held = bytearray(200_000_000); print('records=3')"])
    assert said.strip() == "records=3"
    assert taken.peak > 200_000_000
    assert taken.cpu > 0
    assert taken.wall > 0


def test_a_process_that_fails_is_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.bench.BENCH", tmp_path)
    with pytest.raises(BenchError, match="status 3: why"):
        timed([sys.executable, "-c", "print('why'); raise SystemExit(3)"])

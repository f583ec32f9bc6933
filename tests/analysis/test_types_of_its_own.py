"""The statistics and constraints that a run writes of its data have the data's types, not the baseline's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.analysis.container import INPUT, Container
from tests.clock import NOON
from tests.commands.line import kedge
from tests.judging.test_comparison import capture, line

FILES = ("statistics.json", "constraints.json")
TRAINING = "rings,length\n" + "".join(f"{n % 29}.5,{'A1' if n % 3 else 77}\n" for n in range(300))
NOW = [("oops" if n % 10 == 9 else f"{n % 29}.5", f"{77 + n % 2}") for n in range(100)]
"""Texts among what was numbers, and numbers where texts were."""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The baseline that the same rows make."""
    data = tmp_path / "same.csv"
    data.write_text("rings,length\n" + "".join(f"{rings},{length}\n" for rings, length in NOW))
    assert kedge("baseline", "create", data, "--output", tmp_path / "same").status == 0
    return tmp_path / "same"


@pytest.mark.parametrize("source", ["capture", "csv"])
def test_in_the_container(tmp_path: Path, made: Path, source: str) -> None:
    container = Container(tmp_path)
    container.baseline(TRAINING)
    if source == "capture":
        container.capture("2026/03/02/12/00-00-000-a.jsonl", [line(NOON, *row) for row in NOW])
    else:
        container.variables["dataset_format"] = json.dumps({"csv": {"header": True}})
        container.path(f"{INPUT}/data.csv").write_text((tmp_path / "same.csv").read_text())
    ended = container.run()
    assert ended.status == 0, ended.said
    for name in FILES:
        assert (ended.output / name).read_text() == (made / name).read_text()
    sent = {each["MetricName"] for each in ended.metrics}
    assert {"feature_data_length", "feature_non_null_rings"} <= sent
    assert "feature_data_rings" not in sent


def test_on_the_command_line(tmp_path: Path, made: Path) -> None:
    (tmp_path / "training.csv").write_text(TRAINING)
    assert kedge("baseline", "create", tmp_path / "training.csv", "--output", tmp_path / "base").status == 0
    capture(tmp_path / "capture" / "1.jsonl", *(line(NOON, *row) for row in NOW))
    given = ("check", "--capture", tmp_path / "capture", "--baseline", tmp_path / "base")
    assert kedge(*given, "--output", tmp_path / "out").status == 0
    for name in FILES:
        assert (tmp_path / "out" / name).read_text() == (made / name).read_text()

"""`kedge baseline diff`: what tells two baselines apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.line import kedge


def create(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.csv").write_text(text)
    assert kedge("baseline", "create", f"{name}.csv", "--output", name).status == 0
    return folder / name


def rows(count: int, lift: float = 0.0, *, sexes: str = "MF", gap: int = 0) -> list[str]:
    """Lengths spread evenly from `lift` on, a sex in turn, and every `gap`-th length missing."""
    return [
        f"{'' if gap and at % gap == 0 else lift + at / count},{sexes[at % len(sexes)]}"
        for at in range(count)
    ]


def edited(folder: Path, **settings: object) -> None:
    path = folder / "constraints.json"
    document = json.loads(path.read_text())
    document["monitoring_config"]["distribution_constraints"].update(settings)
    path.write_text(json.dumps(document))


def diff(*arguments: str) -> dict[str, Any]:
    ran = kedge("baseline", "diff", *arguments, "--json")
    assert ran.status == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


@pytest.fixture
def two(folder: Path) -> Path:
    """An old baseline, and a new one of longer animals with a third sex, gaps, and other columns."""
    create(folder, "old", "\n".join(["length,sex,site", *(f"{row},1" for row in rows(1000))]))
    new = ["length,sex,depth", *(f"{row},2.5" for row in rows(1000, 0.3, sexes="MFI", gap=4))]
    edited(create(folder, "new", "\n".join(new)), comparison_threshold=0.2)
    return folder


def test_everything_that_changed_is_told(two: Path) -> None:
    found = diff("old", "new")
    assert found["records"] == {"old": 1000, "new": 1000}
    assert found["added"] == [{"name": "depth", "inferred_type": "Fractional"}]
    assert found["removed"] == [{"name": "site", "inferred_type": "Integral"}]
    assert found["monitoring"] == {"comparison_threshold": {"old": 0.1, "new": 0.2}}
    length, sex = found["features"]
    assert length["changes"] == {"completeness": {"old": 1.0, "new": 0.75}}
    assert (length["outcome"], length["threshold"]) == ("VIOLATED", 0.1)
    # two even distributions of the same width, 0.3 apart, less what chance explains of 1000 and 750 rows
    assert length["distance"] == pytest.approx(0.3 - 1.8 * (1750 / 750_000) ** 0.5, abs=0.005)
    assert (sex["values_added"], sex["values_removed"]) == (["I"], [])


def test_a_baseline_is_no_different_from_itself(two: Path) -> None:
    found = diff("old", "old")
    assert (found["added"], found["removed"], found["monitoring"]) == ([], [], {})
    assert {one["name"]: one["changes"] for one in found["features"]} == {"length": {}, "sex": {}, "site": {}}
    assert all(one["distance"] <= 0 and one["outcome"] == "OK" for one in found["features"])


def test_an_override_of_one_feature_is_told_at_that_feature_alone(two: Path) -> None:
    path = two / "new" / "constraints.json"
    document = json.loads((two / "old" / "constraints.json").read_text())
    document["features"][0]["monitoring_config_overrides"] = {"evaluate_constraints": "Disabled"}
    path.write_text(json.dumps(document))
    found = diff("old", "new")
    assert found["monitoring"] == {}
    assert [one["changes"] for one in found["features"]] == [
        {"evaluate_constraints": {"old": True, "new": False}},
        {},
        {},
    ]


def test_people_read_a_line_a_feature(two: Path) -> None:
    out = kedge("baseline", "diff", "old", "new").out.splitlines()
    assert out[0] == "1000 records → 1000; 2 features in both, 1 added, 1 removed"
    assert out[1:4] == [
        "+ depth  Fractional",
        "- site  Integral",
        "every feature  comparison_threshold 0.1 → 0.2",
    ]
    assert out[4].startswith("length  completeness 1.0 → 0.75; distance 0.2")
    assert out[4].endswith("of 0.1: VIOLATED")
    assert out[5].startswith("sex  values added: I; distance ")


def test_two_versions_of_an_endpoint(imported: Path) -> None:
    path = imported / "baseline" / "constraints.json"
    path.write_text(path.read_text().replace('"comparison_threshold" : 0.1', '"comparison_threshold" : 0.05'))
    assert kedge("baseline", "import", "abalone-prod", "baseline").status == 0
    found = diff("abalone-prod", "1", "2")
    assert found["monitoring"] == {"comparison_threshold": {"old": 0.1, "new": 0.05}}
    assert "baseline version 7" in kedge("baseline", "diff", "abalone-prod", "1", "7").sentence


@pytest.mark.parametrize("given", [("old",), ("abalone-prod", "1", "new"), ("a", "1", "2", "3")])
def test_arguments_that_name_no_two_baselines(folder: Path, given: tuple[str, ...]) -> None:
    ran = kedge("baseline", "diff", *given)
    assert (ran.status, ran.out) == (2, "")
    assert "two folders" in ran.err


def test_a_folder_without_a_baseline(two: Path) -> None:
    assert "nowhere" in kedge("baseline", "diff", "old", "nowhere").sentence

"""The golden cases in small: what the real files show is promised by a clone alone too.

The files beside this one have the layout of Model Monitor's; `oracle.py` says what stands in them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.commands.line import kedge
from tests.golden import oracle

HERE = Path(__file__).parent
CAPTURED_AT = "2026-03-02T12:00:00Z"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def capture(path: Path, rows: list[str]) -> None:
    """A captured line for each row of a CSV, whose first cell is the model's answer."""

    def side(mode: str, data: str) -> dict[str, str]:
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    lines = []
    for number, row in enumerate(rows):
        answer, _, asked = row.partition(",")
        lines.append(
            {
                "captureData": {
                    "endpointInput": side("INPUT", asked),
                    "endpointOutput": side("OUTPUT", answer),
                },
                "eventMetadata": {"eventId": str(number), "inferenceTime": CAPTURED_AT},
                "eventVersion": "0",
            }
        )
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))


def violations(folder: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((folder / "constraint_violations.json").read_text())[
        "violations"
    ]
    return found


def made(folder: Path, name: str, rows: list[str], *options: str) -> dict[str, Any]:
    """statistics.json of `kedge baseline create` on rows that have a header."""
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    assert kedge("baseline", "create", f"{name}.csv", "--output", name, *options).status == 0
    document: dict[str, Any] = json.loads((folder / name / "statistics.json").read_text())
    return document


def test_g1_a_small_baseline_byte_for_byte(folder: Path) -> None:
    rows = (HERE / "small" / "training.csv").read_text().splitlines()
    made(folder, "small", rows)
    for name in ("statistics.json", "constraints.json"):
        assert (folder / "small" / name).read_text() == (HERE / "small" / name).read_text().rstrip("\n")
    cells = [[cell or None for cell in row.split(",")] for row in rows[1:]]
    told = oracle.statistics(cells, rows[0].split(","))
    assert json.loads((HERE / "small" / "statistics.json").read_text()) == told


@pytest.mark.parametrize("rows", [404, 2050, 2051, 3000, 9001])
def test_g1_and_g2_digits_levels_and_buckets_of_any_size(folder: Path, rows: int) -> None:
    generator = random.Random(rows)  # noqa: S311 - data, no secret
    cells = [
        [
            str(generator.randint(0, 1)),
            repr(generator.lognormvariate(0, 2)),
            None if generator.random() < 0.1 else repr(generator.gauss(-3, 1e-4)),
            str(generator.randint(-5, 10**9)),
            generator.choice(["F", "I", "M"]),
        ]
        for _ in range(rows)
    ]
    names = ["label", "heavy", "narrow", "wide", "sex"]
    text = [",".join(names), *(",".join("" if cell is None else cell for cell in row) for row in cells)]
    assert made(folder, "data", text) == oracle.statistics(cells, names)


def test_a_data_set_without_a_header(folder: Path) -> None:
    found = made(folder, "bare", ["1,0.5", "2,1.5"], "--no-header")
    assert [each["name"] for each in found["features"]] == ["_c0", "_c1"]


def test_g3_the_run_whose_label_type_was_edited(folder: Path) -> None:
    """18 rows, 12 of them whole in `c` and `d`; `a` and `b` have two values: compat sees no drift there."""
    generator = random.Random(3)  # noqa: S311 - data, no secret
    training = ["label,a,b,c,d"] + [
        f"{generator.randint(0, 1)},{generator.gauss(0, 1)!r},{generator.gauss(0, 1)!r},"
        f"{generator.randint(0, 9)},{generator.randint(0, 9)}"
        for _ in range(3000)
    ]
    made(folder, "baseline", training)
    constraints = json.loads((folder / "baseline" / "constraints.json").read_text())
    constraints["features"][0]["inferred_type"] = "Fractional"
    (folder / "baseline" / "constraints.json").write_text(json.dumps(constraints))
    whole = [f"{n % 2},{1 + n % 2 / 10!r},{1.2 + n % 2 / 10!r},{n % 9},{n % 9}" for n in range(12)]
    broken = [f"0.5,1.1,1.3,{n}.5,{n}.5" for n in range(6)]
    capture(folder / "capture.jsonl", whole + broken)
    given = ("check", "--capture", "capture.jsonl", "--baseline", "baseline")

    types = (
        "Data type match requirement is not met. Expected data type: Integral, "
        "Expected match: 100.0%. Observed: Only 66.66666666666666% of data is Integral."
    )
    expected = [
        {"feature_name": name, "constraint_check_type": "data_type_check", "description": types}
        for name in ("c", "d")
    ]
    assert kedge(*given, "--distance", "compat", "--output", "compat").status == 0
    assert violations(folder / "compat") == expected
    assert kedge(*given, "--output", "correct").status == 0
    found = violations(folder / "correct")
    assert [each for each in found if each["constraint_check_type"] == "data_type_check"] == expected
    more = {each["feature_name"] for each in found if each["constraint_check_type"] == "baseline_drift_check"}
    assert more == {"a", "b"}


@pytest.mark.parametrize(("columns", "word"), [(14, "extra"), (8, "missing")])
def test_g4_a_wrong_number_of_columns_is_the_one_violation(folder: Path, columns: int, word: str) -> None:
    expected = 13 if word == "extra" else 9
    header = ",".join(f"f{n}" for n in range(expected))
    made(folder, "baseline", [header, *(",".join(["1.5"] * expected) for _ in range(30))])
    capture(folder / "capture.jsonl", [",".join(["1.5"] * columns)] * 20)
    given = ("check", "--capture", "capture.jsonl", "--baseline", "baseline", "--output", "out")
    assert kedge(*given).status == 0
    name = f"{word}_columns"
    assert (folder / "out" / "constraint_violations.json").read_text() == (
        HERE / f"{name}.json"
    ).read_text().rstrip("\n")

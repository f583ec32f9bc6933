"""`kedge check --distance both`: what it says where Model Monitor's verdict and the right one differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clock import NOON
from tests.commands.line import kedge
from tests.judging.test_comparison import capture, line


def drift_of_length(folder: Path, trained: Sequence[str], captured: Sequence[str]) -> dict[str, Any]:
    """Both verdicts on the drift of a feature, from its values at training and its captured ones."""
    rows = "".join(f"{n * 0.5},{value}\n" for n, value in enumerate(trained))
    (folder / "training.csv").write_text(f"rings,length\n{rows}")
    assert kedge("baseline", "create", "training.csv", "--output", "made").status == 0
    capture(folder / "capture" / "1.jsonl", *(line(NOON, n * 0.5, v) for n, v in enumerate(captured)))
    ran = kedge("check", "--capture", "capture", "--baseline", "made", "--distance", "both", "--json")
    assert ran.status == 0, ran.err
    found: dict[str, Any]
    (found,) = (
        each
        for each in json.loads(ran.out)["both"]
        if (each["feature"], each["check"]) == ("length", "baseline_drift_check")
    )
    return found


def shares(first: str, second: str, of_first: int) -> list[str]:
    return [first if n % 10 < of_first else second for n in range(1000)]


@pytest.mark.parametrize("values", [("true", "false"), ("a", "b")])
def test_booleans_are_text_in_model_monitors_files_and_drift_as_text(
    folder: Path, values: tuple[str, str]
) -> None:
    found = drift_of_length(folder, shares(*values, 5), shares(*values, 9))
    assert found["compat"] == found["correct"]
    # 0.4 - 1.8·√(1/1000 + 1/1000)
    assert found["compat"]["value"] == pytest.approx(0.3195, abs=1e-4)
    assert (found["compat"]["outcome"], found["why"]) == ("VIOLATED", "")


ONE_TYPE = "Model Monitor compares columns of one inferred type alone, and these are now"


@pytest.mark.parametrize(
    ("trained", "captured", "why"),
    [
        (
            shares("A1", "77", 9),
            shares("77", "78", 9),
            "Integral and were String; here text is compared, whatever it looks like.",
        ),
        (
            shares("0.5", "1.5", 5),
            shares("1", "2", 5),
            "Integral and were Fractional; here numbers are compared, whatever else is there.",
        ),
        (
            shares("0.5", "1.5", 5),
            shares("", "", 5),
            "Unknown and were Fractional; here it is told that no value is there.",
        ),
    ],
    ids=["digits", "whole", "none"],
)
def test_columns_of_two_types_are_told_by_what_is_compared_of_them(
    folder: Path, trained: Sequence[str], captured: Sequence[str], why: str
) -> None:
    found = drift_of_length(folder, trained, captured)
    assert found["compat"]["outcome"] == "NOT_APPLICABLE"
    assert found["why"] == f"{ONE_TYPE} {why}"

"""docs/retraining.md says what the program does: its keys, its states, its input and output."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from config.loading import load
from config.retraining import Retrain
from config.targets import OUTPUTS
from config.templates import PATHS
from config.training import Training
from retrain.handover import INPUT
from retrain.workflows.definition import definition
from store.retraining import RunState
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "retraining.md").read_text()
HEADINGS = PAGE.split("\n## ")


def section(heading: str) -> str:
    return next(text for text in HEADINGS if text.startswith(heading))


def keys_of_tables(text: str) -> list[str]:
    """The first cells of a table's rows that are code."""
    return re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)


def example(heading: str) -> dict[str, Any]:
    """The JSON that stands under a heading."""
    block = PAGE.split(f"### {heading}\n")[1].split("```json\n")[1].split("```")[0]
    found: dict[str, Any] = json.loads(block)
    return found


def test_every_key_is_told_once() -> None:
    retrain, training = (
        {field.alias or name for name, field in part.model_fields.items()} for part in (Retrain, Training)
    )
    told = keys_of_tables(section("The policy"))
    assert sorted(told) == sorted((retrain - {"training"}) | training)


@pytest.mark.parametrize("model", [Retrain, Training])
def test_defaults_that_are_numbers_are_told_as_they_are(model: type[Retrain] | type[Training]) -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]+)` \|", section("The policy"), re.MULTILINE))
    defaults = {name: field.default for name, field in model.model_fields.items()}
    numbers = {name: value for name, value in defaults.items() if type(value) in (int, float)}
    assert numbers
    assert {name: float(rows[name]) for name in numbers} == numbers


def test_the_example_of_kedge_yaml_is_taken(tmp_path: Path) -> None:
    block = section("The policy").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "kedge.yaml").write_text(block)
    (endpoint,) = load(tmp_path / "kedge.yaml").endpoints
    assert endpoint.retrain is not None
    assert str(endpoint.retrain.rollout) == "canary 10% for 30m"
    assert endpoint.retrain.training.test == "s3://models/abalone/test.csv"


def test_every_state_is_told_once_in_the_order_of_a_run() -> None:
    assert keys_of_tables(section("What a run does")) == [state.value for state in RunState]


def test_the_example_input_is_one_that_the_shipped_machine_takes() -> None:
    given = example("Its input")
    check = json.loads(definition("https://queue"))["States"]["Check"]
    for each in check["Choices"][0]["And"]:
        value: Any = given
        for key in each["Variable"].removeprefix("$.").split("."):
            value = value[key]


def test_the_example_input_has_every_path_that_a_template_may_name() -> None:
    def paths(value: dict[str, Any], above: str = "") -> set[str]:
        inner = {
            path
            for key, each in value.items()
            if isinstance(each, dict)
            for path in paths(each, f"{above}{key}.")
        }
        return inner | {f"{above}{key}" for key in value}

    given = example("Its input")
    assert paths(given) == set(PATHS)
    assert given["input"] == f"{given['output']}/{INPUT}"


def test_what_the_example_answers_may_lie_elsewhere() -> None:
    answered = example("Its output")
    nested = {f"predictions.{name}" for name in answered.pop("predictions")}
    told_beside = {"model_package_arn", "baseline_data", "code_version"}
    assert set(OUTPUTS) == set(answered) | nested | told_beside
    assert all(f"`{name}`" in PAGE or f'"{name}"' in PAGE for name in told_beside)


def test_the_example_output_is_what_the_shipped_machine_answers() -> None:
    assembled = json.loads(definition("https://queue"))["States"]["Assemble"]["Parameters"]
    assert set(example("Its output")) == {name.removesuffix(".$") for name in assembled}


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).resolve().exists(), target

"""docs/configuration.md names every key of kedge.yaml, no other, and the defaults that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
import yaml
from pydantic.fields import FieldInfo

from config import loading
from config.assumptions import Assume
from config.fields import Part
from config.metrics import CHECKS, METRICS
from config.model import CloudWatch, Config, Discover, Endpoint, Hooks, Report, Retention
from config.parameters import Parameters
from config.policy import Cost, NewData
from config.retraining import Retrain
from config.rollout import Rollout
from config.slices import Slice
from config.targets import Airflow, CodePipeline, EventBridge, Mwaa, SageMakerPipeline, Target
from config.training import Training
from config.watch import Watch
from tests.conftest import ROOT
from tests.docs.markdown import page, pages, rows

PAGE = page("docs/configuration.md")
PARTS: dict[str, type[Part]] = {
    "The file": Config,
    "endpoints": Endpoint,
    "report": Report,
    "cloudwatch": CloudWatch,
    "retention": Retention,
    "assume": Assume,
    "discover": Discover,
    "hooks": Hooks,
    "retrain": Retrain,
    "new_data": NewData,
    "cost": Cost,
    "target": Target,
    "sagemaker_pipeline": SageMakerPipeline,
    "codepipeline": CodePipeline,
    "event_bridge": EventBridge,
    "airflow": Airflow,
    "mwaa": Mwaa,
    "training": Training,
    "slices": Slice,
    "ssm": Parameters,
    "rollout": Rollout,
    "watch": Watch,
}
LEAST: dict[str, Any] = {
    "discover": {},
    "endpoints": [
        {
            "name": "a",
            "capture": "s3://bucket/capture",
            "ground_truth": "s3://bucket/labels",
            "prediction": "y",
            "hooks": {},
            "assume": {},
            "report": {"cron": "0 6 * * 1", "to": "s3://bucket/reports"},
            "cloudwatch": {},
            "retention": {},
            "retrain": {
                "when": ["rmse > 2"],
                "registry": "models",
                "target": {"local": "train"},
                "training": {},
                "new_data": {"prefix": "s3://bucket/new"},
                "cost": {"training": 1.0, "error": 1.0},
                "rollout": {},
                "watch": {},
            },
        }
    ],
}
"""The least that can be said in each section."""
LATER = "*Later*: "


def fields(part: type[Part]) -> dict[str, FieldInfo]:
    """The fields of a part by the key that an owner writes."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def table(section: str) -> dict[str, tuple[str, ...]]:
    """The rows of a section's table, by key."""
    return {row[0].strip("`"): row for row in rows(PAGE.sections[section])}


def parts_of(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
        for field in annotation.model_fields.values():
            yield from parts_of(field.annotation)
    for argument in get_args(annotation):
        yield from parts_of(argument)


def later() -> Iterator[tuple[type[Part], str]]:
    for section, part in PARTS.items():
        yield from ((part, key) for key, row in table(section).items() if row[3].startswith(LATER))


def test_every_mapping_of_the_file_has_a_section() -> None:
    assert set(parts_of(Config)) == set(PARTS.values())
    assert list(PARTS) == list(PAGE.sections)


@pytest.mark.parametrize("section", PARTS)
def test_the_keys_of_a_section_are_those_of_the_model(section: str) -> None:
    named = [row[0] for row in rows(PAGE.sections[section])]
    assert named == [f"`{key}`" for key in fields(PARTS[section])]


@pytest.mark.parametrize("section", PARTS)
def test_each_key_says_what_it_takes_and_means_and_whether_it_is_required(section: str) -> None:
    for key, field in fields(PARTS[section]).items():
        _, takes, default, meaning = table(section)[key]
        assert takes, key
        assert meaning.endswith("."), key
        assert (default == "required") is field.is_required(), key
        if default == "–":
            empty = field.get_default(call_default_factory=True, validated_data={})
            assert empty in (None, ()) or isinstance(empty, Part), f"{key} has the default {empty}"


def test_a_file_that_spells_out_the_defaults_of_the_page_says_what_one_without_them_says() -> None:
    spelt: dict[str, Any] = yaml.safe_load(yaml.safe_dump(LEAST))
    entry = spelt["endpoints"][0]
    places = {
        "The file": spelt,
        "discover": spelt["discover"],
        "endpoints": entry,
        **{name: entry[name] for name in ("report", "cloudwatch", "retention", "hooks", "retrain")},
        "target": entry["retrain"]["target"],
        **{name: entry["retrain"][name] for name in ("training", "new_data", "cost", "rollout", "watch")},
    }
    for section, place in places.items():
        for key, row in table(section).items():
            if row[2] not in ("–", "required"):
                assert key not in place
                place[key] = yaml.safe_load(row[2].strip("`"))
    assert len(spelt) > len(LEAST)
    assert loading.parse(yaml.safe_dump(spelt), "spelt") == loading.parse(yaml.safe_dump(LEAST), "least")


@pytest.mark.parametrize(
    ("part", "key"), tuple(later()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_to_act_later_is_read_nowhere_yet(part: type[Part], key: str) -> None:
    if part is Discover:
        part, key = Config, "discover"  # its keys have words that others have
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("monitor", "retrain", "commands", "web", "baselines", "store")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(rf"\.{key}\b", path.read_text(encoding="utf-8"))
    ]
    assert not readers, f"{key} acts in {readers}: docs/configuration.md says it does not yet"
    assert not re.search(rf"\.{key}\b", (ROOT / "service.py").read_text(encoding="utf-8"))


def test_the_first_example_shows_every_key_that_acts() -> None:
    shown = yaml.safe_load(PAGE.blocks[0][1])
    entry: Mapping[str, Mapping[str, Any]] = shown["endpoints"][0]
    every = {key for each in shown["endpoints"] for key in each}  # some keys are of classifiers alone
    inactive = set(later())
    places = {
        "The file": shown,
        "endpoints": every,
        "report": entry["report"],
        "cloudwatch": entry["cloudwatch"],
        "retention": entry["retention"],
        "retrain": entry["retrain"],
        **{name: entry["retrain"][name] for name in ("training", "new_data", "cost", "ssm")},
    }
    for section, place in places.items():
        part = PARTS[section]
        assert set(place) == {key for key in fields(part) if (part, key) not in inactive}, section


def test_every_metric_of_a_condition_is_named() -> None:
    named = set(
        re.findall(r"`([a-z_0-9]+)(?:\([A-Z]+\))?`", PAGE.sections["retrain"].partition("* Quality")[2])
    )
    assert named - {"baseline", "champion", "accept"} == set(METRICS)


def test_every_check_that_a_condition_counts_is_on_the_page_of_checks() -> None:
    named = page("docs/checks.md").code
    assert [check for check in CHECKS if check not in named] == []


EXAMPLES = [
    pytest.param(text, id=f"{each.name}-{at}")
    for each in pages()
    for at, (kind, text) in enumerate(each.blocks)
    if kind in ("yaml", "yml")
]


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a plain value but the whole."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in pairs:
        yield (*path, step)
        yield from paths(each, (*path, step))


WHOLE = yaml.safe_load(PAGE.blocks[0][1])
WANTED = {"name", "capture", "when", "registry", "target", "prefix", "error", "cron", "to", "feature"}
"""The keys without which a mapping of the first example is refused for that alone."""


def altered(whole: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The whole with the value at a place, and around it no more than has to be there."""
    if not path:
        return value
    if isinstance(whole, list):
        return [altered(whole[int(path[0])], path[1:], value)]
    kept = {key: each for key, each in whole.items() if key in WANTED}
    return {**kept, path[0]: altered(whole[path[0]], path[1:], value)}


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -3, 0.5, "", "5%", "1d", [], [0], [None], ["x"], {}, {"name": 3}, {"x": {}}],
    ids=json.dumps,
)
def test_whatever_stands_at_a_key_the_file_is_read_or_refused_in_a_sentence(value: Any) -> None:
    told = []
    for path in paths(WHOLE):
        try:
            loading.parse(json.dumps(altered(WHOLE, path, value)), "kedge.yaml")
        except loading.ConfigError as error:
            told.append(str(error))
    assert told
    assert [each for each in told if not each.startswith("kedge.yaml") or "\n" in each] == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_pages_is_a_file_that_loads(text: str) -> None:
    config = loading.parse(text, "the example")
    assert config.endpoints

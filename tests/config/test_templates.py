"""Values that are filled in for each run: paths of its input, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.templates import PATHS, Holds, Template

DOCUMENT: dict[str, Any] = {
    "run": "kedge-a-1",
    "reason": "{endpoint} is {{bad}}",
    "training": {"data": "s3://m/t.csv", "features": ["length", "{run}"]},
    "score": {"test": None},
    "incident": None,
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, dict):
        return {key: escaped(each) for key, each in value.items()}
    return [escaped(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("abalone-processing-{run}", "abalone-processing-kedge-a-1"),
        ("{run}/{training.data}", "kedge-a-1/s3://m/t.csv"),
        ("{{run}} {run}", "{run} kedge-a-1"),
        ("{training.features}", ["length", "{run}"]),
        ("{training}", DOCUMENT["training"]),
        ("{score.test}", None),
        ("test: {score.test}", "test: "),
        ("{incident.summary}", None),
        ("{incident}", None),
        ("{reason}", "{endpoint} is {{bad}}"),
        ("so: {reason}", "so: {endpoint} is {{bad}}"),
        ("{{", "{"),
        (["{run}", {"{run}": "{run}"}, 3], ["kedge-a-1", {"{run}": "kedge-a-1"}, 3]),
    ],
)
def test_a_path_becomes_what_stands_there_once(template: Any, filled: Any) -> None:
    assert Template.of(template).filled(DOCUMENT) == filled


@given(VALUES)
def test_what_names_no_path_stays_as_it_is(value: Any) -> None:
    assert Template.of(escaped(value)).filled(DOCUMENT) == value


@given(VALUES)
def test_what_stands_at_a_path_is_data_and_no_template(value: Any) -> None:
    assert Template.of({"a": "{training}"}).filled({"training": value}) == {"a": value}


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_told_to_be_none(text: str) -> None:
    if "{" in text or "}" in text:
        with suppress(ValueError):
            json.dumps(Template.of(text).filled(DOCUMENT))
    else:
        assert Template.of(text).filled(DOCUMENT) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{trainning.data}", "did you mean {training.data}?"),
        ("{}", "names {}, which a run's input does not have"),
        ("{run.__class__}", "which a run's input does not have"),
        ("{training.features[0]}", "which a run's input does not have"),
        ("{run!r}", "which a run's input does not have"),
        ("{run:>10}", "which a run's input does not have"),
        ("{run", "has a brace in '{run' that stands alone"),
        ("run}", "that stands alone"),
        ("of {incident}", "names {incident} within a text, and it is no text"),
        ({1: "a"}, "must have texts for keys"),
        ({"a": float("nan")}, "holds what JSON does not have"),
        ({"a": object()}, "holds what JSON does not have"),
    ],
)
def test_what_is_no_template_is_told(template: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("[", r"\[").replace("?", r"\?").replace("{", r"\{")):
        Template.of(template)


def test_every_path_lies_within_one_that_is_a_value() -> None:
    for path in PATHS:
        above, _, last = path.rpartition(".")
        assert last
        assert not above or PATHS[above] is Holds.VALUE

"""What a JSON document must hold is asked for by type; what is wrong is said by its place, not its value."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import pytest

from baselines.fields import Fields, FieldsError


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


def fields(**values: object) -> Fields:
    return Fields.root({"outer": values}).inner("outer")


@pytest.mark.parametrize("document", [None, 7, "text", [], [{}]])
def test_a_document_is_an_object(document: object) -> None:
    with pytest.raises(FieldsError, match="not a JSON object"):
        Fields.root(document)


def test_fields_of_each_type() -> None:
    found = fields(
        text="M",
        texts=["M", "F"],
        number=1.5,
        spelled="NaN",
        whole=404.0,
        lists=[[1, 2.5], []],
        choice="RED",
        share=0.25,
        switch="Enabled",
    )
    assert found.text("text") == "M"
    assert found.texts("texts") == ("M", "F")
    assert found.number("number") == 1.5
    assert str(found.number("spelled")) == "nan"
    assert found.integer("whole") == 404
    assert found.number_lists("lists") == [[1, 2.5], []]
    assert found.choice("choice", Colour) is Colour.RED
    assert found.share("share") == 0.25
    assert found.switch("switch") is True


def test_an_optional_object_may_be_absent_at_any_depth() -> None:
    found = Fields.root({"a": {"b": {"c": 1}}, "null": None})
    assert found.optional("a", "b") == Fields({"c": 1}, "a.b")
    assert found.optional("a", "x", "y") is None
    assert found.optional("null", "x") is None
    assert found.optional("x") is None
    assert not found.has("null")


def test_an_optional_object_that_is_something_else_is_an_error() -> None:
    with pytest.raises(FieldsError, match=r"^a must be an object"):
        Fields.root({"a": [1]}).optional("a", "b")


def test_a_choice_may_have_synonyms() -> None:
    assert fields(x="Crimson").choice("x", Colour, {"crimson": "Red"}) is Colour.RED


@pytest.mark.parametrize(
    ("ask", "value", "said"),
    [
        (Fields.text, 7, "outer.x must be a string"),
        (Fields.texts, "secret", "outer.x must be a list of strings"),
        (Fields.texts, ["a", None], "outer.x must be a list of strings"),
        (Fields.number, "secret", "outer.x must be a number"),
        (Fields.number, True, "outer.x must be a number"),
        (Fields.number, [1], "outer.x must be a number"),
        (Fields.integer, -1, "outer.x must be a whole number of at least 0"),
        (Fields.integer, 0.5, "outer.x must be a whole number of at least 0"),
        (Fields.integer, "Infinity", "outer.x must be a whole number of at least 0"),
        (Fields.threshold, -0.1, "outer.x must be a number of at least 0"),
        (Fields.threshold, "NaN", "outer.x must be a number of at least 0"),
        (Fields.share, 1.01, "outer.x must be a number from 0 to 1"),
        (Fields.share, "NaN", "outer.x must be a number from 0 to 1"),
        (Fields.switch, "secret", "outer.x must be Enabled or Disabled"),
        (Fields.number_lists, [1.0], "outer.x must be a list of lists of numbers"),
        (Fields.number_lists, [["secret"]], "outer.x must be a list of lists of numbers"),
        (Fields.number_lists, [[True]], "outer.x must be a list of lists of numbers"),
        (Fields.objects, [{}, 7], r"outer.x[1] must be an object"),
        (Fields.inner, "secret", "outer.x must be an object"),
        (lambda each, name: each.choice(name, Colour), "secret", "outer.x must be one of Red, Blue"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(
    ask: Callable[[Fields, str], object], value: object, said: str
) -> None:
    with pytest.raises(FieldsError) as caught:
        ask(fields(x=value), "x")
    assert str(caught.value) == said
    with pytest.raises(FieldsError, match=r'^it has no "outer\.x"$'):
        ask(fields(x=None), "x")

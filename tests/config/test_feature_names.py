"""A feature that a policy names is one that there is, or kedge.yaml is refused: it would never fire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.conditions import Comparison, Op
from config.feature_names import Columns, misnamed
from config.loading import ConfigError, parse
from config.model import Config
from config.retraining import Retrain
from config.targets import Target

ENTRY = """\
endpoints:
  - name: abalone
    capture: s3://logs/capture
    prediction: rings
    columns: [rings, sex, length, "shell weight", survey_id]
    exclude: [survey_id]
    retrain:
      when: [{when}]
      slices: [{slices}]
      registry: abalone
      target: {{local: train}}
"""


def config(when: str = "volume > 3", slices: str = "", columns: bool = True) -> Config:
    text = ENTRY.format(when=f"'{when}'", slices=slices)
    kept = (line for line in text.splitlines(keepends=True) if columns or "columns:" not in line)
    return parse("".join(kept), "kedge.yaml")


@pytest.mark.parametrize(
    ("when", "slices", "told"),
    [
        (
            "rmse > 3 and drift(lenght) > 0.3",
            "",
            ".when[0]: asks for drift(lenght), and columns has no feature lenght; did you mean length?",
        ),
        ("missing(LENGTH) > 0.3", "", "did you mean length?"),
        ("missing(zzz) > 0.3", "", "no feature zzz; those are rings, sex, length, shell weight"),
        ('drift("shell wait") > 0.3', "", "did you mean shell weight?"),
        ("drift(survey_id) > 0.3", "", "exclude leaves survey_id out; take it out of one of the two"),
        ("volume > 3", "sex, nope", "retrain.slices[1]: names nope, and columns has no feature nope"),
        (
            "volume > 3",
            "rings",
            "retrain.slices[0]: names rings, and rings is what the model answers; name one of its inputs: "
            "sex, length, shell weight",
        ),
    ],
)
def test_one_that_there_is_not_is_refused_where_columns_says_which_there_are(
    when: str, slices: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(when, slices)
    assert told in str(caught.value)


def test_those_that_there_are_are_taken() -> None:
    when = 'drift(length) > 0.3 and missing(sex) > 0.2 or drift("shell weight") > 1 or drift(rings) > 0.4'
    assert config(f"{when} or violations(data_type_check) > 2", "sex, {feature: length}").endpoints


def test_without_columns_the_file_alone_can_not_tell() -> None:
    assert config("drift(lenght) > 0.3", "nope", columns=False).endpoints


NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), unique=True)


@given(st.data(), NAMES.filter(bool))
def test_a_feature_is_complained_of_exactly_where_there_is_none(
    data: st.DataObject, names: list[str]
) -> None:
    asked = data.draw(st.lists(st.sampled_from(names) | NAMES.map("".join).filter(bool), min_size=1))
    when = tuple(Comparison("drift", each, Op.ABOVE, None, 0.1) for each in asked)
    retrain = Retrain(when=when, target=Target(local="train"), registry="abalone")
    told = tuple(misnamed(retrain, Columns("the baseline", names)))
    assert len(told) == sum(each not in names for each in asked)

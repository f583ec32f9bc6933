"""The generated survey looks like the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from demo import survey

NUMBERS = (*survey.MEASURES, survey.RINGS)


def correlations(frame: pl.DataFrame) -> survey.Floats:
    return np.asarray(np.corrcoef(frame.select(NUMBERS).to_numpy(), rowvar=False))


@pytest.fixture(scope="module")
def drawn() -> pl.DataFrame:
    return survey.survey(seed=1, rows=8000)


@pytest.fixture(scope="module")
def real(golden: Path) -> pl.DataFrame:
    return survey.read_survey(golden / "abalone" / "abalone.csv")


def test_it_has_the_columns_and_the_types_of_the_survey(drawn: pl.DataFrame) -> None:
    assert drawn.columns == [
        "sex",
        "length",
        "diameter",
        "height",
        "whole_weight",
        "shucked_weight",
        "viscera_weight",
        "shell_weight",
        "rings",
    ]
    assert drawn.schema["sex"] == pl.String
    assert drawn.schema["rings"] == pl.Int64
    assert all(drawn.schema[name] == pl.Float64 for name in survey.MEASURES)
    assert drawn.null_count().sum_horizontal().item() == 0


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_every_animal_is_one_that_a_surveyor_could_have_written_down(seed: int, rows: int) -> None:
    frame = survey.survey(seed, rows)
    measures = frame.select(survey.MEASURES).to_numpy()
    steps = measures / survey.RESOLUTION
    assert len(frame) == rows
    assert (measures > 0).all()
    assert np.abs(steps - np.rint(steps)).max(initial=0) < 1e-6
    assert set(frame["sex"]) <= {"F", "I", "M"}
    assert frame["rings"].is_between(*survey.RINGS_RANGE).all()


def test_the_same_seed_draws_the_same_animals() -> None:
    assert_frame_equal(survey.survey(3, 100), survey.survey(3, 100))


def test_another_seed_draws_others() -> None:
    assert not survey.survey(3, 100).equals(survey.survey(4, 100))


def test_the_parts_of_an_animal_weigh_less_than_the_whole(drawn: pl.DataFrame) -> None:
    shucked_is_less = drawn["shucked_weight"] < drawn["whole_weight"]
    assert shucked_is_less.mean() == pytest.approx(1.0, abs=0.001)


def test_older_animals_are_bigger_until_they_are_grown_up(drawn: pl.DataFrame) -> None:
    by_age = dict(drawn.group_by("rings").agg(pl.col("length").mean()).iter_rows())
    assert by_age[5] < by_age[7] < by_age[9] < by_age[11]
    assert abs(by_age[16] - by_age[12]) < 0.05


@pytest.mark.parametrize("name", NUMBERS)
def test_each_marginal_resembles_the_real_one(name: str, drawn: pl.DataFrame, real: pl.DataFrame) -> None:
    from scipy.stats import ks_2samp

    assert ks_2samp(drawn[name], real[name]).statistic < 0.06
    assert drawn[name].mean() == pytest.approx(real[name].mean(), rel=0.03)
    assert drawn[name].std() == pytest.approx(real[name].std(), rel=0.1)


def test_the_correlations_resemble_the_real_ones(drawn: pl.DataFrame, real: pl.DataFrame) -> None:
    assert np.abs(correlations(drawn) - correlations(real)).max() < 0.1


def test_the_sexes_have_their_real_shares(drawn: pl.DataFrame, real: pl.DataFrame) -> None:
    for sex in survey.SEXES:
        assert (drawn["sex"] == sex).mean() == pytest.approx((real["sex"] == sex).mean(), abs=0.03)


def test_the_real_survey_is_read_with_the_same_schema(drawn: pl.DataFrame, real: pl.DataFrame) -> None:
    assert real.schema == drawn.schema
    assert len(real) == 4175  # two of the 4177 have no height


def test_a_survey_may_have_more_columns_in_another_order(tmp_path: Path, drawn: pl.DataFrame) -> None:
    path = tmp_path / "survey.csv"
    few = drawn.head(5)
    few.select(pl.lit(1).alias("surveyor"), *reversed(few.columns)).write_csv(path)
    assert_frame_equal(survey.read_survey(path), few)


def test_animals_without_a_size_are_left_out(tmp_path: Path, drawn: pl.DataFrame) -> None:
    path = tmp_path / "survey.csv"
    few = drawn.head(3).with_columns(height=pl.Series([0.1, 0.0, 0.2]))
    few.write_csv(path)
    assert survey.read_survey(path)["height"].to_list() == [0.1, 0.2]


def test_a_file_that_is_no_survey_is_refused_by_the_columns_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("sex,length,age\nM,0.4,3\n")
    with pytest.raises(
        ValueError, match=r"other\.csv .* lacks diameter, height, .*rings; head it sex,length"
    ):
        survey.read_survey(path)


GOOD = "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,15"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"M,0.455,0.365,tall,0.514,0.2245,0.101,0.15,15", r"line 3, height: is no number"),
        (b"M,0.455,0.365,nan,0.514,0.2245,0.101,0.15,15", r"line 3, height: is no number"),
        (b"M,0.455,0.365,,0.514,0.2245,0.101,0.15,15", r"line 3, height: is no number"),
        (b"M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,old", r"line 3, rings: is no number"),
        (b"X,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,15", r"line 3, sex: is none of F, I, M"),
        (b"\xff\xfe,1", r"is no CSV in UTF-8"),
    ],
)
def test_a_survey_with_a_wrong_value_is_refused_by_its_place(tmp_path: Path, line: bytes, told: str) -> None:
    path = tmp_path / "survey.csv"
    path.write_bytes(f"{','.join(survey.COLUMNS)}\n{GOOD}\n".encode() + line + b"\n")
    with pytest.raises(ValueError, match=rf"survey\.csv.*{told}"):
        survey.read_survey(path)


def test_inputs_come_in_the_order_of_the_model() -> None:
    frame = survey.survey(2, 50)
    table = survey.inputs(frame)
    assert table.shape == (50, 10)
    assert (table[:, :7] == frame.select(survey.MEASURES).to_numpy()).all()
    assert survey.INPUTS[7:] == ("sex_F", "sex_I", "sex_M")
    for row, sex in zip(table, frame["sex"], strict=True):
        assert row[7:].tolist() == [float(sex == "F"), float(sex == "I"), float(sex == "M")]


@given(share=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_split_is_disjoint_and_loses_nobody(share: float, seed: int) -> None:
    frame = pl.DataFrame({"animal": range(101)})
    one, other = survey.split(frame, share, seed)
    assert len(one) == round(share * 101)
    assert sorted([*one["animal"], *other["animal"]]) == list(range(101))


def test_a_split_is_at_random() -> None:
    one, _ = survey.split(pl.DataFrame({"animal": range(101)}), 0.5, seed=1)
    assert one["animal"].to_list() != sorted(one["animal"])
    assert survey.split(pl.DataFrame({"animal": range(101)}), 0.5, seed=1)[0].equals(one)

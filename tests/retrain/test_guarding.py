"""Slices that must not be lost: how they are cut, and that luck alone loses none however many there are."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.slices import Slice, SlicedBy
from retrain.guarding import Guard, guard, held
from retrain.judged import JudgedNumbers
from retrain.judging import Judgement
from retrain.slicing import LONGEST_NAME, MOST_VALUES, Cut, SlicingError, cut

SEXES = ("F", "I", "M")


def slices(*wanted: Slice | str) -> list[Slice]:
    return [Slice(feature=each) if isinstance(each, str) else each for each in wanted]


def table(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema_overrides=dict.fromkeys(columns, pl.String))


def judged(seed: int, records: int, *, worse: np.ndarray | None = None, by: float = 0.0) -> JudgedNumbers:
    """Two models that err alike, but where `worse` says so."""
    rng = np.random.default_rng(seed)
    labels = rng.gamma(4.0, 2.5, records)
    challenger = labels + rng.normal(0, 2.0, records)
    if worse is not None:
        challenger = challenger + by * worse
    names = np.arange(records).astype(np.str_)
    return JudgedNumbers(labels, labels + rng.normal(0, 2.0, records), challenger, names)


def by_sex(seed: int, records: int, minimum: int = 30, margin: float = 0.0) -> tuple[Cut, ...]:
    drawn = np.random.default_rng([seed, 7]).integers(0, 3, records)
    sexes: list[str | None] = [SEXES[at] for at in drawn]
    wanted = slices(Slice(feature="sex", minimum=minimum, margin=margin))
    return cut(table(sex=[*SEXES] * 20), table(sex=sexes), wanted)


def test_a_feature_of_few_values_is_cut_by_them_and_a_number_of_many_at_quantiles() -> None:
    training = table(sex=["F", "M"] * 50, one_hot=["0", "1.0"] * 50, length=[str(n) for n in range(100)])
    fresh = table(
        sex=["F", "M", None, "X"], one_hot=["1", "0", "0.0", "7"], length=["-5", "24.75", "60", None]
    )
    found = {each.name: each.inside.tolist() for each in cut(training, fresh, slices(*training.columns))}
    assert found == {
        "sex=F": [True, False, False, False],
        "sex=M": [False, True, False, False],
        "one_hot=0": [False, True, True, False],
        "one_hot=1": [True, False, False, False],
        "length<=24.75": [True, True, False, False],
        "24.75<length<=49.5": [False, False, False, False],
        "49.5<length<=74.25": [False, False, True, False],
        "length>74.25": [False, False, False, False],
    }


def test_the_training_set_says_where_it_is_cut_and_not_what_is_judged() -> None:
    training = table(length=[str(n) for n in range(100)])
    one, other = (table(length=[str(n * factor) for n in range(50)]) for factor in (1, 1000))
    wanted = slices("length")
    assert [each.name for each in cut(training, one, wanted)] == [
        each.name for each in cut(training, other, wanted)
    ]


def test_of_many_values_the_most_frequent_are_slices_and_long_names_stay_apart() -> None:
    texts: list[str | None] = [f"{'x' * 300}{n:02d}" for n in range(40)]
    found = cut(table(kind=texts + texts[:MOST_VALUES]), table(kind=texts), slices("kind"))
    assert len(found) == len({each.name for each in found}) == MOST_VALUES
    assert all(len(each.name) <= LONGEST_NAME for each in found)
    assert all(each.inside.sum() == 1 for each in found)


def test_names_that_read_alike_are_told_apart_and_a_slice_that_is_named_twice_is_one() -> None:
    near: list[str | None] = ["1234567.1", "1234567.2", "5", "5.0"]
    strange: list[str | None] = ["a\0", "a\x01", "b", "b"]
    frame = table(number=near, kind=strange)
    found = cut(frame, frame, slices("number", "kind", Slice(feature="number", by=SlicedBy.VALUES)))
    assert len(found) == 3 + 3
    assert len({each.name for each in found}) == 6
    assert all(each.name.isprintable() for each in found)
    assert [int(each.inside.sum()) for each in found] == [2, 1, 1, 1, 1, 2]


def test_what_can_not_be_cut_is_said() -> None:
    texts = table(sex=["F", "M"])
    with pytest.raises(SlicingError, match="none of the model's inputs: sex"):
        cut(texts, texts, slices("sexes"))
    with pytest.raises(SlicingError, match="cuts sex at quantiles, and it is no number: write by: values"):
        cut(texts, texts, slices(Slice(feature="sex", by=SlicedBy.QUANTILES)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=11, max_size=60, unique=True), st.integers(2, 20))
def test_quantiles_put_every_number_into_one_slice(numbers: list[float], parts: int) -> None:
    frame = table(a=[repr(each) for each in numbers])
    wanted = slices(Slice(feature="a", by=SlicedBy.QUANTILES, parts=parts))
    found = cut(frame, frame, wanted)
    assert np.sum([each.inside for each in found], axis=0).tolist() == [1] * len(numbers)


@pytest.mark.parametrize("count", [1, 8])
def test_luck_alone_loses_no_more_than_it_may_however_many_slices_there_are(count: int) -> None:
    """Of challengers that are worse nowhere at most 1 in 40 is taken for one that is, but for the sample."""
    lost = 0
    for seed in range(200):
        records = 40 * count
        part = np.arange(records) % count
        cuts = [Cut(f"part={n}", Slice(feature="part"), part == n) for n in range(count)]
        lost += bool(guard(judged(seed, records), cuts, "rmse", seed).lost)
    assert lost <= 12  # 5 are expected; of 200, more than 12 come of one in 40 in 2 of 1000 cases


def test_worse_on_a_slice_loses_with_the_numbers_whatever_the_sum_says() -> None:
    cuts = by_sex(1, 600)
    found = guard(judged(1, 600, worse=cuts[0].inside, by=6.0), cuts, "rmse", 1)
    (trial,) = found.lost
    assert trial.dataset == "fresh:sex=F"
    assert [each.dataset for each in found.trials] == ["fresh:sex=F", "fresh:sex=I", "fresh:sex=M"]
    judgement, told = held(Judgement.WON, "The challenger is better: so much.", found)
    assert judgement is Judgement.LOST
    assert told == (
        "The challenger is worse on a slice that must not lose: where sex=F, "
        f"rmse {trial.challenger:.3f} against {trial.champion:.3f}, a difference of {trial.difference:+.3f} "
        f"({trial.low:+.3f} to {trial.high:+.3f}) on {trial.count} records. "
        "In sum: The challenger is better: so much."
    )
    judgement, told = held(Judgement.LOST, "The challenger is not shown to be better.", found)
    assert judgement is Judgement.LOST
    assert told.startswith("The challenger is not shown to be better. It is worse on a slice")


def test_a_space_about_a_number_makes_no_text_of_a_feature() -> None:
    training = table(length=[f" {n}.5" for n in range(60)])
    wanted = slices(Slice(feature="length", by=SlicedBy.QUANTILES))
    found = cut(training, table(length=["3", " 58.5"]), wanted)
    assert len(found) == 4
    assert [each.inside.tolist() for each in (found[0], found[-1])] == [[True, False], [False, True]]


def test_a_margin_allows_to_be_worse_by_so_much() -> None:
    strict, lenient = by_sex(1, 600), by_sex(1, 600, margin=5.0)
    worse = judged(1, 600, worse=strict[0].inside, by=6.0)
    assert guard(worse, strict, "rmse", 1).lost
    assert not guard(worse, lenient, "rmse", 1).lost


def test_slices_with_too_few_labels_are_told_and_decide_nothing() -> None:
    cuts = by_sex(1, 600, minimum=500)
    found = guard(judged(1, 600, worse=cuts[0].inside, by=6.0), cuts, "rmse", 1)
    assert (found.trials, found.lost) == ((), ())
    judgement, told = held(Judgement.WON, "Better.", found)
    assert judgement is Judgement.WON
    count = int(cuts[0].inside.sum())
    assert told.startswith(
        f"Better. Slices that decide nothing: sex=F has {count} labelled records, and 500 are wanted; sex=I"
    )


def test_a_metric_that_a_slice_has_none_of_decides_nothing() -> None:
    alike = judged(1, 60)
    same = JudgedNumbers(np.full(60, 9.0), alike.champion, alike.challenger, alike.requests)
    found = guard(same, by_sex(1, 60, minimum=2), "r2", 1)
    assert not found.trials
    assert "they are all alike" in found.undecided[0]


def test_without_slices_nothing_is_said_of_them() -> None:
    assert held(Judgement.WON, "Better.", Guard()) == (Judgement.WON, "Better.")

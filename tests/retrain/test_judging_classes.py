"""Champion and challenger where models answer classes: who wins, how sure that is, and what luck may do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines.quality import counts, curves
from baselines.quality.pairs import Choices
from config.model import Endpoint
from config.slices import Slice
from retrain.guarding import guard
from retrain.judged import Judged, JudgedClasses, judged
from retrain.judging import JudgingError, beyond
from retrain.judging_classes import level, paired_classes
from retrain.slicing import Cut
from store.retraining import Trial

TWO = ("accuracy", "f1", "recall", "precision", "false_positive_rate", "auc")
SEVERAL = ("accuracy", "weighted_f1", "weighted_precision", "weighted_recall")
NAMES = ("a", "b", "c")


def entry(**given: str) -> Endpoint:
    usual = {"name": "churn", "capture": "s3://logs/captures", "prediction": "said"}
    return Endpoint.model_validate({**usual, **given})


BINARY = entry(problem_type="binary_classification", probability="p", positive_class="yes")
MULTICLASS = entry(problem_type="multiclass_classification")


def two(seed: int, records: int, champion: float, challenger: float) -> Judged:
    """A world of which both see something, each blurred by so much."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, records)

    def answered(blur: float) -> pl.DataFrame:
        chance = 1 / (1 + np.exp(-(2 * labels - 1 + rng.normal(0, blur, records)) * 3))
        return pl.DataFrame({"prediction": spelt(chance > 0.5), "probability": chance})

    one, other = answered(champion), answered(challenger)
    return judged(one.with_columns(pl.Series("label", spelt(labels == 1))), other, BINARY)


def spelt(positive: NDArray[np.bool_]) -> list[str]:
    return ["yes" if each else "no" for each in positive]


def several(seed: int, records: int, champion: float, challenger: float) -> Judged:
    """Three classes, which each model answers right in so many of all cases."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, records)

    def answered(right: float) -> pl.DataFrame:
        wrong = (labels + rng.integers(1, 3, records)) % 3
        codes = np.where(rng.random(records) < right, labels, wrong)
        return pl.DataFrame({"prediction": [NAMES[code] for code in codes]})

    one, other = answered(champion), answered(challenger)
    return judged(one.with_columns(pl.Series("label", [NAMES[at] for at in labels])), other, MULTICLASS)


@pytest.mark.parametrize("metric", TWO)
def test_the_better_of_two_classifiers_wins_and_the_worse_does_not(metric: str) -> None:
    assert beyond(two(1, 800, 1.5, 0.7).trial(metric, 0), 0.0)
    assert not beyond(two(1, 800, 0.7, 1.5).trial(metric, 0), 0.0)


@pytest.mark.parametrize("metric", SEVERAL)
def test_the_better_of_two_that_tell_several_classes_wins(metric: str) -> None:
    trial = several(2, 500, 0.7, 0.85).trial(metric, 0)
    assert beyond(trial, 0.0)
    assert trial.count == 500
    assert trial.difference == pytest.approx(trial.challenger - trial.champion)
    assert not beyond(several(2, 500, 0.85, 0.7).trial(metric, 0), 0.0)


def test_its_numbers_are_those_of_the_windows() -> None:
    of = two(3, 300, 1.0, 0.8)
    assert of.trial("auc", 0).champion == pytest.approx(_auc(of))
    assert of.trial("f1", 0).champion == pytest.approx(_f1(of))


def _auc(of: Judged) -> float:
    choices = _champion(of)
    assert choices.scores is not None
    pairs = choices.scores[choices.labels == 1][:, np.newaxis] - choices.scores[choices.labels == 0]
    return float(np.mean((pairs > 0) + (pairs == 0) / 2))


def _f1(of: Judged) -> float:
    choices = _champion(of)
    hits = int(((choices.labels == 1) & (choices.predictions == 1)).sum())
    return 2 * hits / int(choices.labels.sum() + choices.predictions.sum())


def _champion(of: Judged) -> Choices:
    assert isinstance(of, JudgedClasses)
    return of.champion


@pytest.mark.parametrize(("metric", "records"), [("accuracy", 150), ("f1", 300), ("auc", 150)])
def test_of_equal_classifiers_no_more_win_than_they_may(metric: str, records: int) -> None:
    """1 in 40 by the interval's own word, but for the sample of 160."""
    won = sum(beyond(two(seed, records, 1.2, 1.2).trial(metric, seed), 0.0) for seed in range(160))
    assert won <= 160 / 40 + 3 * np.sqrt(160 / 40)


@pytest.mark.parametrize("flips", [2, 4, 5])
def test_a_handful_of_records_that_went_the_other_way_is_no_victory(flips: int) -> None:
    """Of five that differ all may fall on one side by chance, in 3 of 100 cases (McNemar's test, exact)."""
    assert not beyond(_flipped(flips), 0.0)
    assert beyond(_flipped(12), 0.0)


def _flipped(flips: int) -> Trial:
    labels = [NAMES[at % 3] for at in range(400)]
    wrong = [*("b" if label == "a" else "a" for label in labels[:flips]), *labels[flips:]]
    one = pl.DataFrame({"label": labels, "prediction": wrong})
    return judged(one, pl.DataFrame({"prediction": labels}), MULTICLASS).trial("accuracy", 1)


def rare(hits: int, elsewhere: int) -> Trial:
    """Of 400 records 20 are positives, of which the challenger alone knows so many; both err on negatives."""
    labels = np.arange(400) < 20
    one, other = labels & (np.arange(400) >= hits), labels.copy()
    one[100 : 100 + elsewhere] = True
    return judged(
        pl.DataFrame({"label": spelt(labels), "prediction": spelt(one), "probability": [0.5] * 400}),
        pl.DataFrame({"prediction": spelt(other), "probability": [0.5] * 400}),
        BINARY,
    ).trial("recall", 1)


@pytest.mark.parametrize("elsewhere", [0, 100])
def test_what_a_metric_does_not_see_makes_nothing_surer(elsewhere: int) -> None:
    assert not beyond(rare(5, elsewhere), 0.0)
    assert beyond(rare(12, elsewhere), 0.0)


@pytest.mark.parametrize("metric", ["auc", "f1", "precision"])
def test_of_equal_classifiers_with_few_positives_no_more_win_than_they_may(metric: str) -> None:
    rng, won = np.random.default_rng(11), 0
    for seed in range(160):
        labels = np.arange(400) < 10
        scores = [np.clip(0.3 * labels + rng.normal(0.3, 0.2, 400), 0, 1) for _ in range(2)]
        one, other = (pl.DataFrame({"prediction": spelt(each > 0.5), "probability": each}) for each in scores)
        of = judged(one.with_columns(pl.Series("label", spelt(labels))), other, BINARY)
        won += beyond(of.trial(metric, seed), 0.0)
    assert won <= 160 / 40 + 3 * np.sqrt(160 / 40)


def test_a_model_that_never_says_yes_has_a_precision_to_be_held_against() -> None:
    labels = np.arange(200) % 2 == 0
    silent = pl.DataFrame({"prediction": ["no"] * 200, "probability": [0.1] * 200})
    good = pl.DataFrame({"prediction": spelt(labels), "probability": labels.astype(float)})
    named = pl.Series("label", spelt(labels))
    trial = judged(silent.with_columns(named), good, BINARY).trial("precision", 0)
    assert (trial.champion, trial.challenger) == (0.0, 1.0)
    assert not beyond(judged(good.with_columns(named), silent, BINARY).trial("precision", 0), 0.0)


@pytest.mark.parametrize(("yes", "precision"), [(0.02, 0.8), (0.05, 0.9)])
def test_a_timid_challenger_wins_no_precision_by_luck(yes: float, precision: float) -> None:
    """It seldom says yes, and often is right by chance each time; the champion says yes to a fifth."""
    rng, won = np.random.default_rng(3), 0
    for seed in range(160):
        labels = np.arange(400) < 120
        one, other = (_saying_yes(rng, labels, share, precision) for share in (0.2, yes))
        chance = [0.5] * 400
        champion = pl.DataFrame({"label": spelt(labels), "prediction": spelt(one), "probability": chance})
        of = judged(champion, pl.DataFrame({"prediction": spelt(other), "probability": chance}), BINARY)
        won += beyond(of.trial("precision", seed), 0.0)
    assert won <= 160 / 40 + 3 * np.sqrt(160 / 40)


def _saying_yes(
    rng: np.random.Generator, labels: NDArray[np.bool_], share: float, precision: float
) -> NDArray[np.bool_]:
    """Answers of which so many are yes, and so many of these right."""
    count = rng.binomial(labels.size, share)
    right = rng.binomial(count, precision)
    answers = np.zeros(labels.size, np.bool_)
    answers[rng.choice(np.flatnonzero(labels), min(right, int(labels.sum())), replace=False)] = True
    answers[rng.choice(np.flatnonzero(~labels), count - right, replace=False)] = True
    return answers


def test_one_request_shows_nothing_however_many_records_it_has() -> None:
    labels = np.array([0, 1] * 200)
    told = np.where(np.arange(400) % 5 == 0, 1 - labels, labels)
    found = level(Choices(("no", "yes"), told, labels, positive=1), "accuracy", 0, np.array(["one"] * 400))
    assert (found.value, found.low, found.high) == (0.8, -np.inf, np.inf)


def test_a_metric_of_another_kind_of_model_is_told() -> None:
    with pytest.raises(JudgingError, match="rmse is no metric of classes"):
        several(1, 30, 0.5, 0.5).trial("rmse", 0)
    with pytest.raises(JudgingError, match="auc is told by probabilities alone"):
        several(1, 30, 0.5, 0.5).trial("auc", 0)


def test_one_models_level_knows_how_few_of_a_class_there_were() -> None:
    labels = np.arange(300) < 3
    hit = Choices(("no", "yes"), labels.astype(np.intp), labels.astype(np.intp), positive=1)
    found = level(hit, "recall", 0)
    assert (found.value, found.members, found.high) == (1.0, 3, 1.0)
    assert found.low < 0.35
    assert level(hit.at(np.arange(3, 300)), "recall", 0).members == 0
    assert level(hit.at(np.arange(0)), "recall", 0).members == 0
    whole = level(hit, "accuracy", 0)
    assert 0.98 < whole.low < 1


def test_one_models_interval_covers_what_is_true() -> None:
    """In 95 of 100 samples, but for the sample of 160."""
    covered = 0
    for seed in range(160):
        rng = np.random.default_rng(seed)
        labels = (np.arange(300) < 40).astype(np.intp)
        told = np.where(rng.random(300) < 0.8, labels, 1 - labels)
        found = level(Choices(("no", "yes"), told, labels, positive=1), "recall", seed)
        covered += found.low <= 0.8 <= found.high
    assert covered >= 160 * 0.95 - 3 * np.sqrt(160 * 0.05)


def test_models_that_answer_alike_are_a_tie() -> None:
    trial = _flipped(0)
    assert (trial.difference, trial.low, trial.high) == (0, 0, 0)
    assert not beyond(trial, 0.0)


def test_the_records_of_one_request_are_drawn_together() -> None:
    """Forty records of ten requests show no more than ten."""
    rng = np.random.default_rng(5)
    request = np.repeat(np.arange(10), 40)
    right = rng.random(10) < 0.7
    labels = np.array(["a"] * 400)
    names = request.astype(np.str_)
    one = pl.DataFrame({"label": labels, "prediction": np.where(right[request], "a", "b")})
    other = pl.DataFrame({"prediction": labels})
    together = judged(one, other, MULTICLASS, names).trial("accuracy", 1)
    apart = judged(one, other, MULTICLASS).trial("accuracy", 1)
    assert together.difference == apart.difference
    assert together.high - together.low > 3 * (apart.high - apart.low)
    assert beyond(apart, 0.0)
    assert not beyond(together, 0.0)


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=2, max_size=40),
    seed=st.integers(0, 99),
    metric=st.sampled_from(SEVERAL),
)
def test_the_other_way_round_the_difference_turns(labels: list[int], seed: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    one, other = (_choices(labels, rng.integers(0, 3, len(labels)).tolist()) for _ in range(2))
    trial, turned = paired_classes(one, other, metric, seed), paired_classes(other, one, metric, seed)
    assert trial == paired_classes(one, other, metric, seed)
    assert trial.low <= trial.difference + 1e-9
    assert trial.high >= trial.difference - 1e-9
    assert [turned.low, turned.high] == pytest.approx([-trial.high, -trial.low])


def _choices(labels: Sequence[int], predictions: Sequence[int]) -> Choices:
    return Choices(NAMES, np.array(predictions), np.array(labels))


def test_its_resamples_are_those_that_are_drawn_record_by_record() -> None:
    """The interval, but for its widening, against the plain bootstrap."""
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, 500)
    scores = [np.clip(labels * 0.3 + rng.normal(0.35, 0.25, 500), 0, 1).round(2) for _ in range(2)]
    one, other = (
        Choices(("no", "yes"), (each > 0.5).astype(np.intp), labels, each, positive=1) for each in scores
    )
    for metric in ("precision", "auc"):
        trial = paired_classes(one, other, metric, 3)
        drawn = []
        for _ in range(2000):
            at = rng.integers(0, 500, 500)
            drawn.append(_measured(other.at(at), metric) - _measured(one.at(at), metric))
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert [trial.low, trial.high] == pytest.approx([low, high], abs=0.012)


def _measured(choices: Choices, metric: str) -> float:
    if metric == "auc":
        assert choices.scores is not None
        return float(curves.auc(curves.tally(choices.scores, choices.labels)))
    return float(counts.BINARY[metric](counts.counts_of(choices)))


def test_what_can_not_be_told_is_said() -> None:
    every = pl.DataFrame({"label": ["yes"] * 30, "prediction": ["yes"] * 30, "probability": [0.9] * 30})
    of = judged(every, every.drop("label"), BINARY)
    with pytest.raises(JudgingError, match="auc can't be told of these 30 labels"):
        of.trial("auc", 0)
    none = judged(every[:0], every[:0].drop("label"), BINARY)
    assert none.size == 0
    with pytest.raises(JudgingError, match="no record has both a label and an answer"):
        none.trial("f1", 0)


def test_a_challenger_that_does_not_answer_or_tells_other_classes_is_at_fault() -> None:
    of = pl.DataFrame({"label": ["yes", "no"], "prediction": ["yes", "no"], "probability": [0.9, 0.1]})
    answers = of.drop("label")
    with pytest.raises(JudgingError, match="the challenger gave no answer for 1 of 2 records"):
        judged(of, answers.with_columns(probability=pl.Series([0.9, None])), BINARY)
    with pytest.raises(JudgingError, match=r"the challenger's answers can't be held .* classes"):
        judged(of, answers.with_columns(prediction=pl.Series(["yes", "maybe"])), BINARY)
    with pytest.raises(JudgingError, match="2 answers of the champion and 1 of the challenger"):
        judged(of, answers[:1], BINARY)


def test_a_record_that_the_champion_did_not_answer_judges_nothing() -> None:
    labels, said = ["a", "b", "c", None], ["a", None, "c", "b"]
    of = judged(
        pl.DataFrame({"label": labels, "prediction": said}),
        pl.DataFrame({"prediction": ["a", "b", "a", "a"]}),
        MULTICLASS,
        np.array(["r", "s", "t", "u"]),
    )
    assert of.size == 2
    trial = of.trial("accuracy", 0)
    assert (trial.champion, trial.challenger) == (1.0, 0.5)


def test_the_answer_may_be_the_probability_itself() -> None:
    """As XGBoost's binary:logistic answers, and the threshold tells the class."""
    one = entry(problem_type="binary_classification", prediction="p", probability="p")
    of = pl.DataFrame({"label": ["1", "0.0", "1"], "probability": [0.9, 0.6, 0.2]})
    found = judged(of, pl.DataFrame({"probability": [0.9, 0.1, 0.7]}), one)
    trial = found.trial("accuracy", 0)
    assert [trial.champion, trial.challenger] == pytest.approx([1 / 3, 1.0])


def test_a_slice_of_a_classifier_that_must_not_lose() -> None:
    labels = ["a", "b"] * 200
    inside = np.arange(400) % 4 < 2
    better = pl.DataFrame({"prediction": np.where(inside, ["b", "a"] * 200, labels)})
    one = pl.DataFrame({"label": labels, "prediction": labels})
    of = judged(one, better, MULTICLASS)
    cuts = [Cut("sex=F", Slice(feature="sex"), inside), Cut("sex=M", Slice(feature="sex"), ~inside)]
    found = guard(of, cuts, "accuracy", 1)
    assert [(trial.dataset, trial.challenger) for trial in found.lost] == [("fresh:sex=F", 0.0)]
    assert len(found.trials) == 2

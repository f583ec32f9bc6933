"""Champion or challenger: only what is shown to be better wins, and on the same records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.quality.pairs import Floats
from config.expressions import parse
from config.metrics import LOWER_IS_BETTER
from retrain import judging
from retrain.judging import MEASURES, Judgement, JudgingError, metrics_of, verdict
from store.retraining import Trial

ACCEPT = parse("rmse < champion")


def answers(
    seed: int, records: int, *, champion: float = 2.0, challenger: float = 2.0
) -> tuple[Floats, Floats, Floats]:
    """Labels, and the answers of two models that err by so much."""
    rng = np.random.default_rng(seed)
    labels = rng.gamma(4.0, 2.5, records)
    return labels, labels + rng.normal(0, champion, records), labels + rng.normal(0, challenger, records)


def paired(
    labels: Floats,
    champion: Floats,
    challenger: Floats,
    metric: str = "rmse",
    seed: int = 0,
    requests: Sequence[str] | None = None,
) -> Trial:
    return judging.paired(
        labels, champion, challenger, metric, seed, requests=None if requests is None else np.array(requests)
    )


def judged(
    trial: Trial, *, margin: float = 0.0, wanted: int = 100, test: tuple[Trial, ...] = ()
) -> tuple[Judgement, str]:
    return verdict([trial], test, ACCEPT, margin, wanted, trial.count)


@pytest.mark.parametrize("metric", MEASURES)
def test_a_better_challenger_wins(metric: str) -> None:
    trial = paired(*answers(1, 400, champion=3.0, challenger=2.0), metric)
    accept = parse(f"{metric} {'<' if metric in LOWER_IS_BETTER else '>'} champion")
    assert verdict([trial], [], accept, 0.0, 200, 400)[0] is Judgement.WON


@pytest.mark.parametrize("metric", MEASURES)
def test_a_worse_challenger_loses(metric: str) -> None:
    trial = paired(*answers(1, 400, champion=2.0, challenger=3.0), metric)
    accept = parse(f"{metric} {'<' if metric in LOWER_IS_BETTER else '>'} champion")
    assert verdict([trial], [], accept, 0.0, 200, 400)[0] is Judgement.LOST


def test_the_same_model_again_loses() -> None:
    labels, champion, _ = answers(2, 400)
    trial = paired(labels, champion, champion)
    assert (trial.difference, trial.low, trial.high) == (0.0, 0.0, 0.0)
    assert judged(trial)[0] is Judgement.LOST


def test_of_challengers_that_are_no_better_at_least_97_in_100_lose() -> None:
    trials = (paired(*answers(seed, 200), seed=seed) for seed in range(500))
    lost = sum(judged(trial)[0] is Judgement.LOST for trial in trials)
    assert lost >= 0.97 * 500


def test_a_challenger_that_learnt_from_shuffled_labels_loses() -> None:
    """It has learnt the mean, at best."""
    labels, champion, _ = answers(3, 400, champion=2.4)
    challenger = np.full_like(labels, labels.mean()) + np.random.default_rng(4).normal(0, 0.5, labels.size)
    judgement, told = judged(paired(labels, champion, challenger))
    assert judgement is Judgement.LOST
    assert "not shown to be better" in told


def test_few_labels_wait_however_good_the_challenger() -> None:
    trial = paired(*answers(5, 99, champion=9.0, challenger=0.1))
    assert judged(trial, wanted=100) == (
        Judgement.WAITING,
        "99 labelled records to judge by, and 100 are wanted.",
    )
    assert judged(trial, wanted=99)[0] is Judgement.WON
    assert verdict([], [], ACCEPT, 0.0, 100, 0)[0] is Judgement.WAITING


TRIAL = Trial("fresh", "rmse", 3.0, 2.0, -1.0, -1.2, -0.8, 400)


@pytest.mark.parametrize(
    ("margin", "judgement"), [(0.0, Judgement.WON), (0.26, Judgement.WON), (0.27, Judgement.LOST)]
)
def test_the_whole_interval_lies_beyond_the_margin(margin: float, judgement: Judgement) -> None:
    assert judged(TRIAL, margin=margin)[0] is judgement


@pytest.mark.parametrize(
    ("accept", "judgement"),
    [
        ("rmse < champion", Judgement.WON),
        ("rmse < 0.8 * champion", Judgement.WON),
        ("rmse < 0.7 * champion", Judgement.LOST),  # 2.1: the value is below it, its interval is not
        ("rmse < 0.6 * champion", Judgement.LOST),
        ("rmse < 2.5", Judgement.WON),
        ("rmse < 1.5", Judgement.LOST),
        ("rmse < champion and mae < champion", Judgement.LOST),  # nobody measured mae
    ],
)
def test_the_owner_s_condition_must_hold_for_certain(accept: str, judgement: Judgement) -> None:
    assert verdict([TRIAL], [], parse(accept), 0.0, 100, 400)[0] is judgement


@pytest.mark.parametrize(
    ("test", "judgement"),
    [
        ([Trial("test", "rmse", 2.0, 2.1, 0.1, 0.05, 0.15, 3000)], Judgement.WON),
        ([Trial("test", "rmse", 2.0, 2.4, 0.4, 0.25, 0.55, 3000)], Judgement.LOST),  # it may be beyond 2.5
        ([Trial("test", "rmse", 2.0, 3.1, 1.1, 0.9, 1.3, 3000)], Judgement.LOST),
        ([Trial("test", "mae", 2.0, 2.1, 0.1, 0.05, 0.15, 3000)], Judgement.LOST),  # nobody measured rmse
        ([], Judgement.LOST),
    ],
)
def test_an_owner_may_ask_that_the_old_world_is_not_forgotten(
    test: list[Trial], judgement: Judgement
) -> None:
    accept = parse("rmse < champion and rmse(test) < 1.25 * champion")
    assert metrics_of(accept) == ("rmse",)
    assert verdict([TRIAL], test, accept, 0.0, 100, 400)[0] is judgement


def test_several_metrics_must_all_do() -> None:
    accept = parse("rmse < champion and r2 > 0.3")
    assert metrics_of(accept) == ("rmse", "r2")
    poor = Trial("fresh", "r2", 0.1, 0.2, 0.1, 0.05, 0.15, 400)
    fine = Trial("fresh", "r2", 0.1, 0.5, 0.4, 0.35, 0.45, 400)
    assert verdict([TRIAL, poor], [], accept, 0.0, 100, 400)[0] is Judgement.LOST
    assert verdict([TRIAL, fine], [], accept, 0.0, 100, 400)[0] is Judgement.WON


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "worse"), (-0.3, -0.1, "better"), (-0.1, 0.1, "no different")],
)
def test_the_original_test_set_is_told_and_decides_nothing(low: float, high: float, word: str) -> None:
    test = Trial("test", "rmse", 2.0, 2.0, 0.0, low, high, 300)
    judgement, told = judged(TRIAL, test=(test,))
    assert judgement is Judgement.WON
    assert f"on the original test set it is {word}" in told


def test_the_sentence_holds_the_numbers() -> None:
    assert judged(TRIAL)[1] == (
        "The challenger is better: rmse 2.000 against 3.000, a difference of -1.000 (-1.200 to -0.800) "
        "on 400 records."
    )


def test_what_is_hard_for_both_cancels_out() -> None:
    """Both err by the same wild amounts, one a little less: unpaired intervals would hide it."""
    labels, champion, _ = answers(6, 400, champion=5.0)
    challenger = labels + 0.9 * (champion - labels)
    trial = paired(labels, champion, challenger)
    assert trial.high < 0
    assert trial.high - trial.low < 0.2


@given(seed=st.integers(0, 1000), records=st.integers(2, 60), metric=st.sampled_from(sorted(MEASURES)))
@settings(max_examples=40, deadline=None)
def test_a_trial_is_antisymmetric_reproducible_and_holds_its_own_difference(
    seed: int, records: int, metric: str
) -> None:
    labels, champion, challenger = answers(seed, records)
    trial = paired(labels, champion, challenger, metric, seed)
    other = paired(labels, challenger, champion, metric, seed)
    assert trial == paired(labels, champion, challenger, metric, seed)
    assert (trial.champion, trial.challenger) == (other.challenger, other.champion)
    assert trial.difference == pytest.approx(-other.difference)
    assert (trial.low, trial.high) == pytest.approx((-other.high, -other.low))
    assert trial.difference == trial.challenger - trial.champion
    assert trial.count == records


def test_the_metrics_are_what_they_are_called() -> None:
    labels, champion, challenger = np.array([1.0, 2.0, 6.0]), np.array([1.0, 2.0, 9.0]), np.array([3.0] * 3)
    found = {name: paired(labels, champion, challenger, name) for name in MEASURES}
    assert found["rmse"].champion == pytest.approx(3**0.5)
    assert found["mae"].champion == pytest.approx(1.0)
    assert found["r2"].champion == pytest.approx(1 - 9 / 14)
    assert found["r2"].challenger == pytest.approx(0.0)


def test_one_record_shows_nothing() -> None:
    trial = paired(np.array([1.0]), np.array([5.0]), np.array([1.0]))
    assert (trial.low, trial.high) == (-np.inf, np.inf)
    assert judged(trial, wanted=1)[0] is Judgement.LOST


def test_records_without_a_label_or_an_answer_of_the_champion_are_left_out() -> None:
    labels = np.array([1.0, np.nan, 3.0, 4.0])
    champion = np.array([1.0, 2.0, np.nan, 4.0])
    assert paired(labels, champion, np.array([1.0, 2.0, 3.0, 5.0])).count == 2


@pytest.mark.parametrize(
    ("labels", "champion", "challenger", "metric", "said"),
    [
        ([1.0, 2.0], [1.0, 2.0], [1.0], "rmse", "2 labels, 2 and 1 predictions"),
        ([1.0, 2.0], [1.0, 2.0], [1.0, np.nan], "rmse", "gave no number for 1 of 2 records"),
        ([np.nan], [1.0], [1.0], "rmse", "wait for labels"),
        ([], [], [], "rmse", "wait for labels"),
        ([2.0, 2.0], [1.0, 2.0], [1.0, 2.0], "r2", "all alike"),
        ([1.0, 2.0], [1e200, 2.0], [1.0, 2.0], "rmse", "beyond what adds up"),
    ],
)
def test_what_cannot_be_compared_is_said(
    labels: list[float], champion: list[float], challenger: list[float], metric: str, said: str
) -> None:
    with pytest.raises(JudgingError, match=said):
        paired(np.array(labels), np.array(champion), np.array(challenger), metric)


def test_a_large_set_is_judged_in_bounded_memory() -> None:
    import tracemalloc

    given_ = answers(7, 60_000, champion=2.1)
    tracemalloc.start()
    trial = paired(*given_)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert trial.high < 0
    assert peak < 200e6  # all at once it would be 60,000 × 1000 × 8 bytes, several times


def in_requests(seed: int, requests: int, records: int) -> tuple[Floats, Floats, Floats, list[str]]:
    """Requests of so many records each, and two equally good models that err alike within a request."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(10, 3, requests * records)

    def errors() -> Floats:
        return np.repeat(rng.normal(0, 1.4, requests), records) + rng.normal(0, 1.4, labels.size)

    ids = [f"{n:032x}" for n in range(requests) for _ in range(records)]
    return labels, labels + errors(), labels + errors(), ids


@pytest.mark.parametrize(("requests", "records"), [(20, 10), (8, 25)])
def test_ties_lose_also_where_the_records_of_a_request_err_alike(requests: int, records: int) -> None:
    """200 records of 8 requests say what 8 requests say."""

    def lost(seed: int) -> bool:
        labels, champion, challenger, ids = in_requests(seed, requests, records)
        return judged(paired(labels, champion, challenger, seed=seed, requests=ids))[0] is Judgement.LOST

    assert sum(map(lost, range(200))) >= 0.95 * 200


@pytest.mark.parametrize("metric", MEASURES)
def test_requests_of_one_record_are_as_records_are(metric: str) -> None:
    labels, champion, challenger = answers(8, 300)
    ids = [f"{n:032x}" for n in range(300)]
    assert paired(labels, champion, challenger, metric, 3, requests=ids) == paired(
        labels, champion, challenger, metric, 3
    )


def test_one_request_shows_nothing_however_many_records_it_has() -> None:
    labels, champion, challenger, _ = in_requests(9, 4, 50)
    trial = paired(labels, champion, challenger, requests=["one"] * 200)
    assert (trial.low, trial.high, trial.count) == (-np.inf, np.inf, 200)


@pytest.mark.parametrize("metric", MEASURES)
def test_requests_of_unequal_length_are_drawn_whole(metric: str) -> None:
    """Beside a plain loop over resamples of requests."""
    labels, champion, challenger, _ = in_requests(10, 20, 10)
    ids = [f"{n:02}" for n, size in enumerate(range(1, 20)) for _ in range(size)]
    ids += ["99"] * (200 - len(ids))
    order = np.random.default_rng(1).permutation(200)  # records of a request need not lie together
    trial = paired(
        labels[order], champion[order], challenger[order], metric, requests=[ids[at] for at in order]
    )
    names, of = np.unique(ids, return_inverse=True)
    rng, measure, found = np.random.default_rng(2), MEASURES[metric], []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(of == at) for at in rng.integers(0, names.size, names.size)])
        truth = labels[rows]
        found.append(measure(challenger[rows] - truth, truth) - measure(champion[rows] - truth, truth))
    # the program draws the interval apart by Student's t of 19 degrees
    plain = float(np.subtract(*np.quantile(found, [0.975, 0.025])))
    assert trial.high - trial.low == pytest.approx(plain * 2.093 / 1.960 * (20 / 19) ** 0.5, rel=0.1)

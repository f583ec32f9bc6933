"""trained → won | lost | waiting: champion and challenger on the same records."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.quality.pairs import LABEL
from config.conditions import comparisons
from config.metrics import TEST
from config.retraining import Retrain
from retrain import ends, few_labels, guarding, judging, own_evaluation, slicing, tables
from retrain.bench import Bench, RunFailedError
from retrain.defects import Facts, findings
from retrain.ends import End
from retrain.guarding import Guard
from retrain.handed import format_of, handed, is_scored
from retrain.judged import Judged, judged
from retrain.judging import SEED, Judgement, JudgingError, metrics_of
from retrain.scored import answers, fresh_labels
from retrain.slicing import SlicingError
from retrain.training_run import outputs
from store import runs
from store.retraining import Run, RunReason, RunState, Trial

_FEWEST = 2
"""So many labelled records are judged by where a person said to go on with those there are."""


def judge(run: Run, bench: Bench) -> Run | None:
    """Compare on the judging window and on the original test set, and say who wins."""
    if not is_scored(run):
        return own_evaluation.judge(run, bench)
    looked = own_evaluation.seen(run, bench)
    try:
        window = _window(run, bench)
        wanted = _FEWEST if few_labels.is_told(run, bench) else bench.retrain.training.judging
        fresh = _on_fresh(bench, window) if window.of.size >= wanted else ()
        test, untested = _on_test(run, bench)
        judgement, told = judging.verdict(
            fresh, test, bench.retrain.accept, bench.retrain.margin, wanted, window.of.size
        )
        sliced = Guard() if judgement is Judgement.WAITING else _on_slices(run, bench, window)
        judgement, told = guarding.held(judgement, told + untested, sliced)
    except JudgingError as error:
        raise RunFailedError(RunReason.BAD_OUTPUT, str(error)) from error
    except SlicingError as error:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, str(error)) from error
    if judgement is Judgement.WAITING:
        failing = "The labels to judge by did not come in time"
        return few_labels.for_labels(run, bench, RunState.WAITING, told, failing)
    won = judgement is Judgement.WON
    package = looked.package
    state, reason = (RunState.WON, RunReason.BETTER) if won else (RunState.LOST, RunReason.NOT_BETTER)
    deployed = own_evaluation.deployed_already(run, bench, package)
    found = findings(Facts(package, looked.approved, deployed))
    with bench.lease.transaction() as connection:
        own_evaluation.tell(run, bench, connection, found)
        runs.set_trials(connection, run.id, (*fresh, *sliced.trials, *test))
        if won or not package:
            return runs.move(connection, run, state, reason, told, bench.now)
        ends.intend(connection, run, End(state, reason, told), bench.now)
    return ends.conclude(run, bench, End(state, reason, told))


@dataclass(frozen=True, slots=True)
class _Window:
    """The judging window's labelled records, and their places in what was scored."""

    of: Judged
    positions: NDArray[np.int64]


def _window(run: Run, bench: Bench) -> _Window:
    truth = fresh_labels(run, bench)
    found = answers(bench, outputs(run)["predictions"]["fresh"])
    if found.height != truth.scored:
        off = "fewer" if found.height < truth.scored else "more"
        raise RunFailedError(
            RunReason.BAD_OUTPUT,
            f"predictions.fresh has {found.height} rows, {off} than fresh.csv's {truth.scored}: "
            "score every row, in order",
        )
    of = judged(truth.champion, found[truth.positions], bench.endpoint, truth.requests)
    return _Window(of, truth.positions)


def _on_fresh(bench: Bench, window: _Window) -> tuple[Trial, ...]:
    return tuple(window.of.trial(metric, SEED) for metric in _metrics(bench.retrain))


def _on_slices(run: Run, bench: Bench, window: _Window) -> Guard:
    """The slices that must not lose, cut where the training set says, by the metric that decides."""
    wanted = bench.retrain.slices
    if not wanted:
        return Guard()
    given = handed(run)
    training, fresh = (
        tables.read(bench.read(uri), format_of(run), uri, given["training"]["features"])
        for uri in (given["training"]["data"], given["score"]["fresh"])
    )
    cuts = slicing.cut(training, fresh[window.positions], wanted)
    return guarding.guard(window.of, cuts, _metrics(bench.retrain)[0], SEED)


def _on_test(run: Run, bench: Bench) -> tuple[tuple[Trial, ...], str]:
    """The trials on the original test set, or why there are none; only `accept` may want them to be there."""
    found = outputs(run)["predictions"]
    uri = handed(run)["score"]["test"]
    if not uri or not found.get("test") or not found.get("champion_test"):
        return (), ""
    labels = _test_labels(bench, uri)
    # what the champion leaves out is left out
    champion = answers(bench, found["champion_test"], whole=False)
    challenger = answers(bench, found["test"])
    for name, answered in (("champion_test", champion), ("test", challenger)):
        if labels.len() != answered.height:
            told = f"predictions.{name} has {answered.height} rows where {uri} has {labels.len()}"
            raise RunFailedError(RunReason.BAD_OUTPUT, f"{told}: score every row, in order")
    try:
        of = judged(champion.with_columns(labels), challenger, bench.endpoint)
        return tuple(of.trial(metric, SEED, TEST) for metric in _metrics(bench.retrain)), ""
    except JudgingError as error:
        told = f"On the original test set {uri} they can't be compared: {error}"
        if any(each.feature == TEST for each in comparisons(bench.retrain.accept)):
            raise RunFailedError(RunReason.BAD_TRAINING_SET, told) from error
        return (), f" {told}."


def _test_labels(bench: Bench, uri: str) -> pl.Series:
    """The labels of the original test set as text."""
    data, label = bench.read_named(uri, RunReason.BAD_TRAINING_SET), bench.endpoint.answer or ""
    try:
        table = pl.read_csv(io.BytesIO(data), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        told = f"{uri} is no CSV with a header ({type(error).__name__})"
        raise RunFailedError(RunReason.BAD_TRAINING_SET, told) from error
    if label not in table.columns:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, f"{uri} has no column {label}, the label's")
    return table[label].alias(LABEL)


def _metrics(retrain: Retrain) -> tuple[str, ...]:
    return metrics_of(retrain.accept)

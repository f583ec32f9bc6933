"""trained → won | lost | waiting: champion and challenger on the same records."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from config.retraining import Retrain
from retrain import judging
from retrain.bench import Bench, RunFailedError
from retrain.captured import fresh_truth
from retrain.judging import Judgement, JudgingError, metrics_of, paired
from retrain.registry import decline
from retrain.scored import predictions
from retrain.training_run import folder, handed, outputs
from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState, Trial

SEED = 20_260_101
"""The bootstrap's: the same records give the same interval."""


def judge(run: Run, bench: Bench) -> Run | None:
    """Compare on the judging window and on the original test set, and say who wins."""
    try:
        fresh, counted = _on_fresh(run, bench)
        test = _on_test(run, bench)
        judgement, told = judging.verdict(
            fresh, test, bench.retrain.accept, bench.retrain.margin, bench.retrain.training.judging, counted
        )
    except JudgingError as error:
        raise RunFailedError(RunReason.BAD_OUTPUT, str(error)) from error
    if judgement is Judgement.WAITING:
        return _wait(run, bench, told)
    won = judgement is Judgement.WON
    package = outputs(run).get("model_package_arn")
    if package and not won:
        bench.effects.once("decline", dict, lambda _: decline(bench.world.sagemaker(), str(package), told))
    state = RunState.WON if won else RunState.LOST
    reason = RunReason.BETTER if won else RunReason.NOT_BETTER
    with bench.lease.transaction() as connection:
        runs.set_trials(connection, run.id, (*fresh, *test))
        return runs.move(connection, run, state, reason, told, bench.now)


def _wait(run: Run, bench: Bench, told: str) -> Run | None:
    if bench.now > run.requested_at + bench.retrain.training.wait:
        raise RunFailedError(RunReason.NO_LABELS, f"The labels to judge by did not come in time: {told}")
    if run.state is RunState.WAITING:
        return None
    return bench.move(run, RunState.WAITING, RunReason.WAITING_FOR_LABELS, told)


def _on_fresh(run: Run, bench: Bench) -> tuple[tuple[Trial, ...], int]:
    assert run.judged_start is not None  # noqa: S101 (set before the target was started)
    assert run.judged_end is not None  # noqa: S101
    ids = bench.read(f"{folder(run)}/judging_ids.csv")
    with reading(bench.world.engine) as connection:
        truth = fresh_truth(
            connection,
            monitor_id=run.monitor_id,
            variant=run.variant,
            deployment_id=run.deployment_id,
            start=run.judged_start,
            end=run.judged_end,
            ids=ids,
        )
    answers = predictions(bench, outputs(run)["predictions"]["fresh"])
    if answers.size != truth.scored:
        off = "fewer" if answers.size < truth.scored else "more"
        raise RunFailedError(
            RunReason.BAD_OUTPUT,
            f"predictions.fresh has {answers.size} rows, {off} than fresh.csv's {truth.scored}: "
            "score every row, in order",
        )
    if not truth.labels.size:  # they were there when the run began, and were taken back
        return (), 0
    trials = tuple(
        paired(truth.labels, truth.champion, answers[truth.positions], metric, SEED, requests=truth.requests)
        for metric in _metrics(bench.retrain)
    )
    return trials, int(truth.labels.size)


def _on_test(run: Run, bench: Bench) -> tuple[Trial, ...]:
    found = outputs(run)["predictions"]
    uri = handed(run)["score"]["test"]
    if not uri or not found.get("test") or not found.get("champion_test"):
        return ()
    labels = _test_labels(bench, uri)
    champion, challenger = predictions(bench, found["champion_test"]), predictions(bench, found["test"])
    return tuple(
        paired(labels, champion, challenger, metric, SEED, judging.TEST) for metric in _metrics(bench.retrain)
    )


def _test_labels(bench: Bench, uri: str) -> NDArray[np.float64]:
    """The labels of the original test set, NaN where a row has none."""
    data, label = bench.read_named(uri, RunReason.BAD_TRAINING_SET), bench.endpoint.prediction or ""
    try:
        table = pl.read_csv(io.BytesIO(data), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        told = f"{uri} is no CSV with a header ({type(error).__name__})"
        raise RunFailedError(RunReason.BAD_TRAINING_SET, told) from error
    if label not in table.columns:
        raise RunFailedError(RunReason.BAD_TRAINING_SET, f"{uri} has no column {label}, the label's")
    return table[label].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()


def _metrics(retrain: Retrain) -> tuple[str, ...]:
    return metrics_of(retrain.accept)

"""The worker of the demo's retraining: `python -m demo.worker --queue URL --endpoint-url URL`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import threading
import zlib
from collections.abc import Sequence

import numpy as np
import polars as pl

from demo import model, survey
from demo.aws import client
from demo.endpoint import IMAGE, evaluation
from retrain.workflows.worker import Trained, TrainerError, Worker

HELD_OUT = 0.1
"""The share of a training set that a model is evaluated on, and not trained on."""
POLL_SECONDS = 2
PARENT_SECONDS = 0.5


class AbaloneTrainer:
    """Trains the demo's network; with `shuffle_labels` on labels that belong to other animals."""

    def __init__(self, shuffle_labels: bool = False) -> None:
        self._shuffle_labels = shuffle_labels

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        """See `retrain.workflows.steps.Trainer`; the features must be `survey.INPUTS`, in any order."""
        if sorted(features) != sorted(survey.INPUTS):
            raise TrainerError(f"the network takes {', '.join(survey.INPUTS)}: hand over these features")
        seed = zlib.crc32(seed_of.encode())
        rng = np.random.default_rng(seed)
        table = _numbers(csv, [label, *survey.INPUTS])
        truth, inputs = table[:, 0], table[:, 1:]
        if self._shuffle_labels:
            truth = rng.permutation(truth)
        order = rng.permutation(len(truth))
        held_out, kept = np.split(order, [round(HELD_OUT * len(truth))])
        trained = model.fit(inputs[kept], truth[kept], seed % 2**31)
        error = model.rmse(truth[held_out], trained.predict(inputs[held_out]))
        return Trained(trained.archive, IMAGE, evaluation(error))

    def score(self, archive: bytes, csv: bytes) -> Sequence[float]:
        """See `retrain.workflows.steps.Trainer`."""
        answers: list[float] = model.unpack(archive).predict(_numbers(csv, survey.INPUTS)).tolist()
        return answers


def _numbers(csv: bytes, columns: Sequence[str]) -> survey.Floats:
    table = pl.read_csv(io.BytesIO(csv), columns=list(columns), infer_schema=False)
    return table.select(pl.col(columns).cast(pl.Float64)).to_numpy()


def main(arguments: list[str] | None = None) -> None:
    """Work until SIGTERM or SIGINT, or until the parent is gone where `--with-parent` asks for that."""
    parser = argparse.ArgumentParser(prog="python -m demo.worker", description="Trains the demo's models.")
    parser.add_argument("--queue", required=True, metavar="URL", help="the queue of the state machine")
    parser.add_argument("--endpoint-url", required=True, metavar="URL", help="of the AWS on loopback")
    parser.add_argument("--shuffle-labels", action="store_true", help="a pipeline that mixes up its labels")
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent process has gone")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.with_parent:
        threading.Thread(target=_stop_without, args=(os.getppid(), stop), daemon=True).start()
    model.warm_up()
    sqs, stepfunctions, s3 = (client(options.endpoint_url, name) for name in ("sqs", "stepfunctions", "s3"))
    trainer = AbaloneTrainer(options.shuffle_labels)
    Worker(sqs, stepfunctions, s3, options.queue, trainer, poll_seconds=POLL_SECONDS).run(stop)


def _stop_without(parent: int, stop: threading.Event) -> None:
    while not stop.wait(PARENT_SECONDS):
        if os.getppid() != parent:
            stop.set()


if __name__ == "__main__":
    main()

"""The model of the demo: a small network that tells an abalone's rings from its measurements."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from demo import survey

ARCHIVE = "model.tar.gz"
VERSION_FOLDER = "1"  # SageMaker's TensorFlow container serves the SavedModel in a folder named by a number
UNITS = 64
BATCH = 64
LEARNING_RATE = 0.003
BATCHES_AT_ONCE = 16  # run by TensorFlow without a return to Python


@dataclass(frozen=True, slots=True)
class Champion:
    """A trained model: the archive that goes to S3, and the same archive loaded."""

    archive: bytes = field(repr=False)
    network: Any

    def predict(self, features: npt.NDArray[np.floating[Any]]) -> survey.Floats:
        """Rings, shape (rows,), for inputs of shape (rows, 10) in the order of `survey.INPUTS`."""
        if features.ndim != 2 or features.shape[1] != len(survey.INPUTS):
            raise ValueError(
                f"the model was given inputs of shape {features.shape}: give (rows, {len(survey.INPUTS)})"
            )
        answer = self.network.serve(features.astype(np.float32))
        return np.asarray(answer.numpy()[:, 0], dtype=np.float64)


def train(frame: pl.DataFrame, seed: int, epochs: int = 30) -> Champion:
    """Train on the animals of `frame`: two dense layers of 64 on standardised inputs.

    The same frame, seed and epochs give the same predictions. Sets the seeds of `random`, numpy and Keras.
    Raises ValueError for a frame without animals.
    """
    return fit(survey.inputs(frame), survey.rings(frame), seed, epochs)


def fit(features: survey.Floats, truth: survey.Floats, seed: int, epochs: int = 30) -> Champion:
    """As `train`, on inputs of shape (rows, 10) in the order of `survey.INPUTS`, rings of shape (rows,)."""
    if not len(truth):
        raise ValueError("there is nothing to train on: the frame has no animals")
    tf = _tensorflow()
    tf.keras.utils.set_random_seed(seed)
    inputs, answers = features.astype(np.float32), truth.astype(np.float32)
    network = _network(tf, inputs, float(answers.mean()))
    steps = epochs * -(-len(answers) // BATCH)
    rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    network.compile(optimizer=tf.keras.optimizers.Adam(rate), loss="mse", steps_per_execution=BATCHES_AT_ONCE)
    network.fit(inputs, answers, batch_size=BATCH, epochs=epochs, verbose=0)
    return unpack(_exported(network))


def unpack(archive: bytes) -> Champion:
    """The model in the bytes of a `model.tar.gz`."""
    tf = _tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
            packed.extractall(folder, filter="data")
        return Champion(archive, tf.saved_model.load(str(Path(folder, VERSION_FOLDER))))


def warm_up() -> None:
    """Import TensorFlow now, which takes seconds, and not when it is first needed."""
    _tensorflow()


def rmse(truth: survey.Floats, predictions: survey.Floats) -> float:
    """Root of the mean squared error, in rings."""
    return float(np.sqrt(np.mean((truth - predictions) ** 2)))


@cache
def _tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    # Read when TensorFlow is first imported: no log, the same sums whatever the processor, one thread each.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    return tf


def _network(tf: Any, features: npt.NDArray[np.float32], typical: float) -> Any:  # noqa: ANN401
    layers = tf.keras.layers
    standardise = layers.Normalization()
    standardise.adapt(features)
    return tf.keras.Sequential(
        [
            tf.keras.Input(shape=(len(survey.INPUTS),)),
            standardise,
            layers.Dense(UNITS, activation="relu"),
            layers.Dense(UNITS, activation="relu"),
            layers.Dense(1, bias_initializer=tf.keras.initializers.Constant(typical)),
        ]
    )


def _exported(network: Any) -> bytes:  # noqa: ANN401
    with tempfile.TemporaryDirectory() as folder:
        network.export(str(Path(folder, VERSION_FOLDER)), format="tf_saved_model", verbose=False)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            archive.add(Path(folder, VERSION_FOLDER), arcname=VERSION_FOLDER)
        return buffer.getvalue()

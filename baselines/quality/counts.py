"""Metrics of classes, from how often each is meant, answered and hit. Everything is along the last axis.

Leading axes may hold samples: what is measured of one confusion matrix is measured of five hundred alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baselines.quality.pairs import Choices, Floats

Metric = Callable[["Counts"], Floats]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each class is labelled, answered, and both at once: shape (..., classes)."""

    labelled: Floats
    answered: Floats
    hit: Floats

    @property
    def records(self) -> Floats:
        """How many records there are, shape (...)."""
        return np.asarray(self.labelled.sum(axis=-1))

    def constant(self) -> Counts:
        """What the best constant classifier would have: it answers the class that is labelled most often.

        Of equally frequent classes the first.
        """
        most = np.argmax(self.labelled, axis=-1)[..., np.newaxis]
        chosen = np.arange(self.labelled.shape[-1]) == most
        records = self.records[..., np.newaxis]
        return Counts(self.labelled, np.where(chosen, records, 0.0), np.where(chosen, self.labelled, 0.0))


def confusion(choices: Choices) -> NDArray[np.int64]:
    """The confusion matrix [labelled][answered], shape (classes, classes)."""
    size = len(choices.names)
    cells = np.bincount(choices.labels * size + choices.predictions, minlength=size * size)
    return cells.reshape(size, size).astype(np.int64)


def counts_of(choices: Choices) -> Counts:
    """The counts of all records."""
    size = len(choices.names)
    hits = choices.labels[choices.labels == choices.predictions]
    counted = (np.bincount(codes, minlength=size) for codes in (choices.labels, choices.predictions, hits))
    return Counts(*(each.astype(np.float64) for each in counted))


def _share(part: Floats, whole: Floats) -> Floats:
    """A quotient; NaN where there is nothing to take a share of."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan))


def accuracy(counts: Counts) -> Floats:
    """Records answered right, as a share."""
    return _share(counts.hit.sum(axis=-1), counts.records)


def _f(hit: Floats, answered: Floats, labelled: Floats, beta: float) -> Floats:
    """(1 + β²) PR / (β² P + R), by the counts: it is known also where nothing was answered."""
    return _share((1 + beta**2) * hit, answered + beta**2 * labelled)


# Of two classes, the second is the positive one.


def recall(counts: Counts) -> Floats:
    """Positives answered as positive, as a share; the true positive rate."""
    return _share(counts.hit[..., 1], counts.labelled[..., 1])


def precision(counts: Counts) -> Floats:
    """Of what was answered as positive, the share that is; NaN where nothing was."""
    return _share(counts.hit[..., 1], counts.answered[..., 1])


def true_negative_rate(counts: Counts) -> Floats:
    """Negatives answered as negative, as a share."""
    return _share(counts.hit[..., 0], counts.labelled[..., 0])


def false_positive_rate(counts: Counts) -> Floats:
    """Negatives answered as positive, as a share."""
    return _share(counts.labelled[..., 0] - counts.hit[..., 0], counts.labelled[..., 0])


def false_negative_rate(counts: Counts) -> Floats:
    """Positives answered as negative, as a share: 1 - recall, which gives Model Monitor's last digit."""
    return np.asarray(1 - recall(counts))


def f_score(counts: Counts, beta: float) -> Floats:
    """The F measure of the positive class."""
    return _f(counts.hit[..., 1], counts.answered[..., 1], counts.labelled[..., 1], beta)


# Of several classes: each class's own metric, weighted by how often the class is labelled.


def _weighted(of_class: Floats, counts: Counts) -> Floats:
    return _share((np.nan_to_num(of_class) * counts.labelled).sum(axis=-1), counts.records)


def weighted_recall(counts: Counts) -> Floats:
    """The classes' recalls, weighted; which is the accuracy."""
    return _weighted(_share(counts.hit, counts.labelled), counts)


def weighted_precision(counts: Counts) -> Floats:
    """The classes' precisions, weighted; that of a class that is never answered is 0."""
    return _weighted(_share(counts.hit, counts.answered), counts)


def weighted_f(counts: Counts, beta: float) -> Floats:
    """The classes' F measures, weighted."""
    return _weighted(_f(counts.hit, counts.answered, counts.labelled, beta), counts)


BINARY: Final[dict[str, Metric]] = {
    "recall": recall,
    "precision": precision,
    "accuracy": accuracy,
    "true_positive_rate": recall,
    "true_negative_rate": true_negative_rate,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
    "f0_5": partial(f_score, beta=0.5),
    "f1": partial(f_score, beta=1.0),
    "f2": partial(f_score, beta=2.0),
}
"""The metrics of two classes that the confusion matrix tells; auc needs probabilities."""
MULTICLASS: Final[dict[str, Metric]] = {
    "accuracy": accuracy,
    "weighted_recall": weighted_recall,
    "weighted_precision": weighted_precision,
    "weighted_f0_5": partial(weighted_f, beta=0.5),
    "weighted_f1": partial(weighted_f, beta=1.0),
    "weighted_f2": partial(weighted_f, beta=2.0),
}
"""The metrics of several classes."""

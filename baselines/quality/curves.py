"""What every threshold on a probability would give: the two curves, and the area under the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baselines.quality.pairs import Codes, Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """Positives and negatives at each different score, from the highest score down: shape (..., scores)."""

    positives: Floats
    negatives: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order: abscissas and ordinates, of one shape."""

    x: Floats
    y: Floats


def tally(scores: Floats, labels: Codes) -> Tally:
    """Count by score; `labels` are 1 for positives and 0."""
    different, places = np.unique(scores, return_inverse=True)
    of_all = np.bincount(places, minlength=different.size).astype(np.float64)
    positives = np.bincount(places, weights=labels, minlength=different.size)
    return Tally(np.asarray(positives[::-1], np.float64), (of_all - positives)[::-1])


def roc(counted: Tally) -> Curve:
    """False and true positive rates at each score from the highest down, from (0, 0) to (1, 1).

    Where there are no negatives (or no positives) their rate is 0 up to the last point, as Spark has it.
    """
    return Curve(_rate(counted.negatives), _rate(counted.positives))


def _rate(counts: Floats) -> Floats:
    reached = np.cumsum(counts, axis=-1)
    whole = counts.sum(axis=-1, keepdims=True)
    ends = np.zeros_like(whole), np.ones_like(whole)
    return np.concatenate([ends[0], reached / np.where(whole > 0, whole, 1.0), ends[1]], axis=-1)


def precision_recall(counted: Tally) -> Curve:
    """Recalls and precisions at each score from the highest down; first (0, the first precision)."""
    hit = np.cumsum(counted.positives)
    if not hit.size:
        return Curve(np.empty(0), np.empty(0))
    precisions = hit / (hit + np.cumsum(counted.negatives))
    recalls = hit / hit[-1] if hit[-1] else np.zeros_like(hit)
    return Curve(np.concatenate([[0.0], recalls]), np.concatenate([precisions[:1], precisions]))


def auc(counted: Tally) -> Floats:
    """The area under the ROC curve, along the last axis; NaN where positives or negatives are missing.

    The trapezoidal rule, which gives ties a half: the share of pairs of a positive and a negative in which
    the positive has the higher score (Mann and Whitney, 1947).
    """
    positives, negatives = counted.positives, counted.negatives
    known = (positives.sum(axis=-1) > 0) & (negatives.sum(axis=-1) > 0)
    x, y = _rate(negatives), _rate(positives)
    steps = np.diff(x, axis=-1) * (y[..., 1:] + y[..., :-1]) / 2
    # added up in sequence, which gives Model Monitor's digits where numpy's own sum does not
    return np.asarray(np.where(known, np.cumsum(steps, axis=-1)[..., -1], np.nan))


def thinned(curve: Curve, points: int) -> Curve:
    """At most so many points of a curve, evenly chosen with both ends: nobody reads a million."""
    if curve.x.size <= points:
        return curve
    kept = np.linspace(0, curve.x.size - 1, points).round().astype(np.intp)
    return Curve(curve.x[kept], curve.y[kept])

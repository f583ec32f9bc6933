"""Whether the baseline has the features that a policy names: what `kedge doctor` says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from baselines import folder
from baselines.constraints import ConstraintsError
from baselines.folder import BaselineError
from baselines.statistics import StatisticsError
from config.feature_names import misnamed
from config.findings import Finding, fine, skipped, wrong
from config.model import Endpoint
from config.retraining import Retrain
from config.source import shown
from objects import Place, PlaceError

FEATURES = "policy's features"


def of_features(entry: Endpoint, retrain: Retrain, opened: Callable[[str], Place]) -> Iterator[Finding]:
    """One finding for each that can't be measured, or else one for all."""
    if entry.baseline is None:
        yield skipped(FEATURES, "wants a baseline")
        return
    try:
        _, constraints = folder.parse(folder.read_files(opened(entry.baseline)))
    except (PlaceError, BaselineError, StatisticsError, ConstraintsError):
        yield skipped(FEATURES, "wants a baseline")
        return
    names = tuple(feature.name for feature in constraints.features)
    columns = replace(entry.columns_among(names, "the baseline"), tested=constraints.tested)
    missing = tuple(misnamed(retrain, columns))
    for each in missing:
        yield wrong(FEATURES, f"{shown(each.path)} {each.said}", each.advice)
    if not missing:
        yield fine(FEATURES, "the baseline has each that it names")

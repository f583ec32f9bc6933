"""A baseline as it lies in a folder: Model Monitor's two files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.constraints import Constraints
from baselines.profile.profile import Profile
from objects import Place

STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"


class BaselineError(ValueError):
    """A baseline that can't be used, in one sentence."""


@dataclass(frozen=True, slots=True)
class BaselineFiles:
    """The two files of a baseline as they lie in a folder, and a digest that tells them from others."""

    statistics: str
    constraints: str
    source: str
    digest: str


def read_files(place: Place) -> BaselineFiles:
    """The baseline in a folder; raises PlaceError where a file can't be read, BaselineError for bad bytes."""
    statistics, constraints = (_text(place, name) for name in (STATISTICS, CONSTRAINTS))
    digest = hashlib.sha256(f"{len(statistics)}\n{statistics}{constraints}".encode()).hexdigest()
    return BaselineFiles(statistics, constraints, place.uri, digest)


def _text(place: Place, name: str) -> str:
    try:
        return place.objects.read(place.key(name)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BaselineError(f"{place.uri}/{name} is not UTF-8 text: write the baseline again") from None


def parse(files: BaselineFiles) -> tuple[Profile, Constraints]:
    """The two files as values."""
    profile = statistics_file.read(files.statistics, f"{files.source}/{STATISTICS}")
    constraints = constraints_file.read(files.constraints, f"{files.source}/{CONSTRAINTS}")
    if not constraints.features:
        raise BaselineError(f"{files.source}/{CONSTRAINTS} names no features: create the baseline again")
    return profile, constraints

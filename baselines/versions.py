"""Versions of an endpoint's baseline: imported from Model Monitor's two files, loaded to judge by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.constraints import Constraints
from baselines.profile.profile import Profile
from objects import Place
from store import baselines as stored
from store.records import Baseline

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


@dataclass(frozen=True, slots=True)
class LoadedBaseline:
    """A stored version, ready to judge by."""

    baseline: Baseline
    profile: Profile
    constraints: Constraints


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


def import_files(connection: Connection, monitor_id: int, files: BaselineFiles, now: datetime) -> Baseline:
    """Store the files as the endpoint's next version, unless they are stored already.

    Raises StatisticsError, ConstraintsError or BaselineError for files that can't judge anything.
    """
    already = known(connection, monitor_id, files)
    if already is not None:
        return already
    profile, constraints = parse(files)
    return stored.add(
        connection,
        monitor_id,
        statistics=files.statistics,
        constraints=files.constraints,
        source=files.source,
        source_digest=files.digest,
        records=profile.rows,
        features=len(constraints.features),
        now=now,
    )


def known(connection: Connection, monitor_id: int, files: BaselineFiles) -> Baseline | None:
    """The version that these very files are stored as already."""
    return stored.by_digest(connection, monitor_id, files.digest)


def changed(connection: Connection, monitor_id: int, files: BaselineFiles) -> bool:
    """Whether the endpoint's folder held other files when this was asked last; that is remembered.

    At the first time: whether these files were never stored.
    """
    before = stored.seen(connection, monitor_id, files.digest)
    return known(connection, monitor_id, files) is None if before is None else before != files.digest


def parse(files: BaselineFiles) -> tuple[Profile, Constraints]:
    """The two files as values."""
    profile = statistics_file.read(files.statistics, f"{files.source}/{STATISTICS}")
    constraints = constraints_file.read(files.constraints, f"{files.source}/{CONSTRAINTS}")
    if not constraints.features:
        raise BaselineError(f"{files.source}/{CONSTRAINTS} names no features: create the baseline again")
    return profile, constraints


def texts(connection: Connection, baseline_id: int) -> tuple[str, str]:
    """The two files of a stored version, as they were imported."""
    return stored.texts(connection, baseline_id)


def load(connection: Connection, baseline_id: int) -> LoadedBaseline:
    """A stored version with its files read."""
    baseline = stored.by_id(connection, baseline_id)
    if baseline is None:
        raise BaselineError(f"there is no baseline with the key {baseline_id}")
    statistics, constraints = texts(connection, baseline_id)
    where = f"baseline version {baseline.version}"
    files = BaselineFiles(statistics, constraints, where, "")
    return LoadedBaseline(baseline, *parse(files))

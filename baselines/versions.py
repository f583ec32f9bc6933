"""Versions of an endpoint's baseline: imported from Model Monitor's two files, loaded to judge by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from baselines.constraints import Constraints
from baselines.folder import BaselineError, BaselineFiles, parse
from baselines.profile.profile import Profile
from store import baselines as stored
from store.records import Baseline


@dataclass(frozen=True, slots=True)
class LoadedBaseline:
    """A stored version, ready to judge by."""

    baseline: Baseline
    profile: Profile
    constraints: Constraints


def import_files(
    connection: Connection,
    monitor_id: int,
    files: BaselineFiles,
    now: datetime,
    parsed: Callable[[BaselineFiles], tuple[Profile, Constraints]] = parse,
) -> Baseline:
    """Store the files as the endpoint's next version, unless they are stored already.

    Raises StatisticsError, ConstraintsError or BaselineError for files that can't judge anything.
    """
    already = known(connection, monitor_id, files)
    if already is not None:
        return already
    profile, constraints = parsed(files)
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

"""The data set of a job: its files, in the order of their names, as one profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import polars as pl

from baselines.constraints import Constraints
from baselines.datasets import DatasetError, DatasetFormat, batches
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType, TypeCounts, classify_columns
from monitor.analysis.columns import columns_of
from monitor.analysis.contract import ContractError, Job, Source
from monitor.capture.decode import GIB
from monitor.capture.gunzip import gunzip
from monitor.capture.schema import schema_of_baseline, text_columns
from monitor.comparison import Gathered, find, gather
from objects import PlaceError

_FORMATS = {
    Source.CSV: DatasetFormat.CSV,
    Source.JSON: DatasetFormat.JSON_LINES,
    Source.PARQUET: DatasetFormat.PARQUET,
}
_TEXT = (DataType.STRING, DataType.BOOLEAN)
_LISTED = 5


def read(job: Job, constraints: Constraints | None) -> Gathered:
    """The data set; its columns are the constraints', or where there are none its own.

    Raises:
        ContractError: where there is no data set, saying what is there instead.
        DatasetError: where a file can't be read.
    """
    if job.written_in in (Source.CAPTURE, Source.MERGED):
        return _captured(job, constraints)
    files = _files(job)
    return Gathered(len(files), _profiled(files, job, constraints), ())


def _captured(job: Job, constraints: Constraints | None) -> Gathered:
    try:
        place, keys = find(str(job.source))
    except PlaceError:
        raise ContractError(_nothing(job, "captured objects (*.jsonl)")) from None
    if constraints is not None:
        return gather(place, keys, schema_of_baseline(constraints, str(job.constraints)), job.period)
    schema = columns_of(gunzip(place.objects.read(key), GIB).data for key in keys)
    if schema is None:
        raise ContractError(f"no line of the {len(keys)} objects below {job.source} is a captured record")
    first = gather(place, keys, schema, job.period)
    text = {name for name, column in first.profile.columns.items() if column.inferred_type in _TEXT}
    if not text:
        return first
    return gather(place, keys, replace(schema, text=frozenset(text)), job.period)


def _files(job: Job) -> tuple[Path, ...]:
    found = sorted(path for path in job.source.rglob("*") if path.is_file() and path.name[0] not in "._")
    if not found:
        raise ContractError(_nothing(job, "files"))
    return tuple(found)


def _nothing(job: Job, wanted: str) -> str:
    """What was looked for, where, and what is there instead."""
    if not job.source.exists():
        return (
            f"Job inputs had no data: there is no folder {job.source}, which dataset_source names; "
            "give the input that holds the data set this LocalPath"
        )
    others = sorted(str(path.relative_to(job.source)) for path in job.source.rglob("*") if path.is_file())
    there = ", ".join(others[:_LISTED]) + (" and more" if len(others) > _LISTED else "") or "nothing"
    return (
        f"Job inputs had no data: {job.source} holds no {wanted}, but {there}; "
        "check the input's S3 prefix and, for captures, that the endpoint captured in this hour"
    )


def _profiled(files: tuple[Path, ...], job: Job, constraints: Constraints | None) -> Profile:
    if constraints is None:
        text = _text_columns(files, job)
        profile = Profile.empty()
        for frame in _frames(files, job):
            profile = profile_frame(frame, text=text, exact=True, onto=profile)
    else:
        profile = _held_against(files, job, constraints)
    if not profile.rows and not profile.widths:
        raise DatasetError(f"{job.source} holds no rows")
    return profile


def _held_against(files: tuple[Path, ...], job: Job, constraints: Constraints) -> Profile:
    """By name where the file has names that the constraints know, else by place."""
    features = constraints.features
    names = [feature.name for feature in features]
    text = text_columns(features)
    domains = {each.name: frozenset(each.domains) for each in features if each.domains is not None}
    profile = Profile.empty(names)
    for frame in _frames(files, job):
        keyed = job.written_in is Source.JSON  # an absent key is a missing value
        if frame.width != len(names) if not keyed else not set(frame.columns) <= set(names):
            profile = profile_frame(
                pl.DataFrame(schema=dict.fromkeys(names, pl.String)),
                text=text,
                exact=True,
                onto=profile,
                widths={frame.width: frame.height},
            )
            continue
        if not keyed and set(names).isdisjoint(frame.columns):
            frame.columns = names
        known = frame.select(
            pl.col(name) if name in frame.columns else pl.lit(None, pl.String).alias(name) for name in names
        )
        profile = profile_frame(known, text=text, domains=domains, exact=True, onto=profile)
    return profile


def _text_columns(files: Iterable[Path], job: Job) -> frozenset[str]:
    types: dict[str, TypeCounts] = {}
    for frame in _frames(files, job):
        for name, counts in zip(frame.columns, classify_columns(frame), strict=True):
            types[name] = types.get(name, TypeCounts()) + counts
    return frozenset(name for name, counts in types.items() if counts.inferred in _TEXT)


def _frames(files: Iterable[Path], job: Job) -> Iterator[pl.DataFrame]:
    for path in files:
        source = _lines(path) if job.written_in is Source.JSON else path
        yield from batches(source, _FORMATS[job.written_in], job.header, str(path))


def _lines(path: Path) -> bytes | Path:
    """JSON Lines as they are; a document with a list of records as the lines that they make."""
    with path.open("rb") as file:
        start = file.read(1024).lstrip()
    if not start.startswith(b"["):
        return path
    try:
        records = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DatasetError(f"{path} is not JSON: {error}") from None
    return b"".join(orjson.dumps(record) + b"\n" for record in records)

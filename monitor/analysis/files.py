"""The files of a data set, in the order of their names, and their rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import polars as pl

from baselines.datasets import DatasetError, DatasetFormat, batches, opened
from monitor.analysis.contract import ContractError, Job, Source
from monitor.capture.payload import RefusedError
from monitor.capture.transform import parse_manifest

_FORMATS = {
    Source.CSV: DatasetFormat.CSV,
    Source.JSON: DatasetFormat.JSON_LINES,
    Source.PARQUET: DatasetFormat.PARQUET,
}
_LISTED = 5
_MANIFEST = re.compile(rb'\s*\[\s*\{\s*"prefix"\s*:')


def files_of(job: Job) -> tuple[Path, ...]:
    """The files of the data set, in the order of their names. Raises ContractError where there are none."""
    found = sorted(path for path in job.source.rglob("*") if path.is_file() and path.name[0] not in "._")
    if not found:
        raise ContractError(nothing(job, "files"))
    for path in found:
        _refuse_manifest(path)
    return tuple(found)


def _refuse_manifest(path: Path) -> None:
    with path.open("rb") as file:
        if not _MANIFEST.match(file.read(1024)):
            return
    try:
        named = parse_manifest(path.read_bytes())
    except RefusedError:
        return
    where = f" below {named[0].uri.removesuffix(named[0].name).rstrip('/')}" if named else ""
    raise ContractError(
        f"{path} is a batch transform's manifest, which names {len(named)} objects{where}: give "
        "dataset_source the input that holds these objects themselves"
    )


def nothing(job: Job, wanted: str) -> str:
    """A sentence for a data set that is not there: what was looked for, where, and what is there instead."""
    if not job.source.exists():
        return (
            f"Job inputs had no data: there is no folder {job.source}, which dataset_source names; "
            "give the input that holds the data set this LocalPath"
        )
    others = sorted(str(path.relative_to(job.source)) for path in job.source.rglob("*") if path.is_file())
    there = ", ".join(others[:_LISTED]) + (" and more" if len(others) > _LISTED else "")
    held = f"holds no {wanted}, but {there}" if others else "is an empty folder"
    return (
        f"Job inputs had no data: {job.source} {held}; "
        "check the input's S3 prefix and, for captures, that the endpoint captured in this hour"
    )


def frames_of(files: Iterable[Path], job: Job) -> Iterator[pl.DataFrame]:
    """Their rows, some at a time, in String columns. Raises DatasetError."""
    for path in files:
        source = lines_of(path) if job.written_in is Source.JSON else path
        for frame in batches(source, _FORMATS[job.written_in], job.header, str(path)):
            yield outputs_first(frame, job)


def outputs_first(rows: pl.DataFrame, job: Job) -> pl.DataFrame:
    """The columns in the order that captures have: the answer comes first, even where it was last."""
    if not job.outputs_last or job.written_in is not Source.CSV:
        return rows
    return rows.select(pl.nth(rows.width - 1, *range(rows.width - 1)))


def lines_of(path: Path) -> bytes | Path:
    """JSON Lines as they are; a document with a list of records as the lines that they make."""
    with opened(path) as file:
        if not file.read(1024).lstrip().startswith(b"["):
            return path
    with opened(path) as file:
        document = file.read()
    try:
        records = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise DatasetError(f"{path} is not JSON: {error}") from None
    return b"".join(orjson.dumps(record) + b"\n" for record in records)

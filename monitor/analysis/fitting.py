"""Rows of a data set as records of a baseline's columns: those that don't fit are told, the others kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from baselines.constraints import Constraints
from baselines.csv_batches import Run
from baselines.datasets import flat_lines, line_batches, runs
from baselines.profile.profile import Profile, profile_frame
from monitor.analysis.contract import Job, Source
from monitor.analysis.files import frames_of, lines_of, outputs_first
from monitor.capture.columns import Schema, arrange
from monitor.capture.exact import batch_pair, wrong_columns
from monitor.capture.payload import RefusedError, flatten, parse
from monitor.capture.rejects import EXAMPLES, NONE, Reject, RejectKind, Rejects, listed, many
from monitor.capture.schema import schema_of_baseline
from monitor.capture.transform import ADDED_ID, ADDED_KEYS, ADDED_TIME
from monitor.comparison import Bad, Gathered


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of a file: the records that fit, how wide the others are, and what could not be used."""

    records: pl.DataFrame
    widths: Mapping[int, int]
    rejects: Rejects


def fitted(files: tuple[Path, ...], job: Job, constraints: Constraints) -> Gathered:
    """By name where a file has names that the constraints know, else by place.

    Raises:
        DatasetError: a file can't be read.
        SchemaError: the constraints have columns that no table can have.
    """
    schema = schema_of_baseline(constraints, str(job.constraints))
    profile, bad = Profile.empty(schema.names), []
    for path in files:
        rejects = NONE
        for part in _parts(path, job, schema):
            profile = profile_frame(
                part.records,
                text=schema.text,
                domains=schema.domains,
                exact=True,
                onto=profile,
                widths=part.widths,
            )
            rejects += part.rejects
        if rejects.counts:
            bad.append(Bad(str(path), rejects))
    return Gathered(len(files), profile, tuple(bad), read=len(files))


def _parts(path: Path, job: Job, schema: Schema) -> Iterator[_Part]:
    match job.written_in:
        case Source.JSON:
            number = 1
            for lines in line_batches(lines_of(path), str(path)):
                yield _of_lines(lines, number, schema)
                number += len(lines)
        case Source.CSV:
            for run in runs(path, job.header, str(path)):
                for frame, begins in _without_ids(run, schema):
                    yield _of_frame(outputs_first(frame, job), begins, schema)
        case _:
            for frame in frames_of([path], job):
                yield _of_frame(frame, [None] * frame.height, schema)


def _without_ids(run: Run, schema: Schema) -> Iterator[tuple[pl.DataFrame, list[int]]]:
    """The rows and their lines, those to which a batch transform added an id and its time without the two."""
    lines = pl.Series(run.lines)
    if run.frame.width != len(schema.names) + 2:
        yield run.frame, lines.to_list()
        return
    added = run.frame.select(
        pl.nth(-2).str.contains(ADDED_ID).fill_null(False)
        & pl.nth(-1).str.contains(ADDED_TIME).fill_null(False)
    ).to_series()
    yield run.frame.filter(added).select(pl.nth(range(len(schema.names)))), lines.filter(added).to_list()
    yield run.frame.filter(~added), lines.filter(~added).to_list()


def _of_frame(frame: pl.DataFrame, lines: Sequence[int | None], schema: Schema) -> _Part:
    """Rows that are all as wide as the schema, or none of which is."""
    if frame.width != len(schema.names):
        examples = (wrong_columns(line, frame.width, schema) for line in lines[:EXAMPLES])
        rejects = many(RejectKind.WRONG_COLUMNS, frame.height, examples)
        return _Part(_nothing(schema), {frame.width: frame.height}, rejects)
    if set(schema.names).isdisjoint(frame.columns):
        frame.columns = list(schema.names)
    return _Part(_placed(frame, schema), {}, NONE)


def _placed(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The schema's columns, those missing that the frame does not have."""
    return frame.select(
        pl.nth(frame.get_column_index(name)) if name in frame.columns else pl.lit(None, pl.String).alias(name)
        for name in schema.names
    )


def _nothing(schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String))


def _of_lines(lines: Sequence[bytes], first: int, schema: Schema) -> _Part:
    """JSON records by their keys: an absent one is a missing value, an unknown one a column too many."""
    flat = flat_lines(lines)
    if flat is not None and set(flat.columns) <= set(schema.names):
        return _Part(_placed(flat, schema), {}, NONE)
    records: list[Sequence[str | None]] = []
    widths = Counter[int]()
    rejects: list[Reject] = []
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            cells = _cells(line, schema)
        except RefusedError as error:
            rejects.append(Reject(error.kind, number, None, error.detail))
            continue
        if isinstance(cells, int):
            widths[cells] += 1
            rejects.append(wrong_columns(number, cells, schema))
        else:
            records.append(cells)
    frame = pl.DataFrame(records, schema=dict.fromkeys(schema.names, pl.String), orient="row")
    return _Part(frame, widths, listed(rejects))


def _cells(line: bytes, schema: Schema) -> Sequence[str | None] | int:
    """The cells of a record in the order of the schema, or how many columns it has where they don't fit."""
    try:
        record = parse(line.decode())
    except ValueError as error:
        raise RefusedError(RejectKind.NOT_JSON, "the line is not JSON") from error
    if not isinstance(record, dict):
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line is JSON but no object")
    for name in ADDED_KEYS:
        if name not in schema.names:
            record.pop(name, None)
    answered, asked = batch_pair(flatten(record), 0)
    answered = answered if answered is not None and answered.cells else None
    if answered is None and asked is not None and set(asked.names or ()).isdisjoint(schema.names):
        # of no place among the columns
        return len(schema.names) + len(asked.cells) if asked.cells else [None] * len(schema.names)
    return arrange(schema, answered, asked)

"""The data set of a job: its files, in the order of their names, as one profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from baselines.constraints import Constraints
from baselines.datasets import DatasetError
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType, TypeCounts, classify_columns
from config.plurals import counted
from monitor.analysis.columns import columns_of
from monitor.analysis.contract import ContractError, Job, Source
from monitor.analysis.files import files_of, frames_of, nothing
from monitor.analysis.fitting import fitted
from monitor.analysis.sides import one_sided
from monitor.capture.columns import Schema
from monitor.capture.decode import GIB
from monitor.capture.gunzip import gunzip
from monitor.capture.schema import schema_of_baseline
from monitor.comparison import Bad, Gathered, Said, find, gather
from monitor.hooks.preprocess import columns_through, decode_through
from monitor.hooks.script import Script, read_script
from objects import PlaceError

_TEXT = (DataType.STRING, DataType.BOOLEAN)


def read(job: Job, constraints: Constraints | None) -> Gathered:
    """The data set; its columns are the constraints', or where there are none its own.

    Raises:
        ContractError: where there is no data set, saying what is there instead.
        DatasetError: where a file can't be read.
        HookError: where the job's script can't be loaded.
    """
    script = None if job.preprocess is None else read_script(str(job.preprocess))
    if job.written_in in (Source.CAPTURE, Source.MERGED):
        return _captured(job, constraints, script)
    files = files_of(job)
    if script is not None:
        return _lines_through(files, job, constraints, script)
    found = _profiled(files, job) if constraints is None else fitted(files, job, constraints)
    if not found.profile.rows and not found.profile.widths and not found.bad:
        raise DatasetError(f"{job.source} holds no rows")
    return found


def _captured(job: Job, constraints: Constraints | None, script: Script | None) -> Gathered:
    try:
        place, keys = find(str(job.source))
    except PlaceError:
        raise ContractError(nothing(job, "captured objects (*.jsonl)")) from None
    if script is None and job.side is not None:  # a script gets whole records
        place = one_sided(place, job.side)
    if constraints is not None:
        return gather(place, keys, schema_of_baseline(constraints, str(job.constraints)), job.period, script)
    stored = (place.objects.read(key) for key in keys)
    if script is None:
        schema = columns_of(gunzip(data, GIB).data for data in stored)
    else:
        schema = _made(script, stored)
    if schema is None and script is not None:
        raise ContractError(
            f"the script {script.name} makes no record of {counted(len(keys), 'object')} below {job.source}: "
            "see that it returns a dict, and does not fail, at their lines"
        )
    if schema is None:
        raise ContractError(
            f"no line of {counted(len(keys), 'object')} below {job.source} is a captured record"
        )
    first = gather(place, keys, schema, job.period, script)
    text = {name for name, column in first.profile.columns.items() if column.inferred_type in _TEXT}
    if not text:
        return first
    return gather(place, keys, replace(schema, text=frozenset(text)), job.period, script)


def _made(script: Script, stored: Iterable[bytes], *, plain: bool = False) -> Schema | None:
    """The columns that a script makes; None where it makes no record."""
    names = columns_through(script, stored, plain=plain)
    try:
        return Schema(names) if names else None
    except ValueError as error:
        raise ContractError(f"the records of the script {script.name}: {error}") from None


def _lines_through(
    files: tuple[Path, ...], job: Job, constraints: Constraints | None, script: Script
) -> Gathered:
    """A data set whose lines the script gets as texts, but for the row of a CSV's header."""
    if job.written_in is Source.PARQUET:
        raise ContractError(
            "record_preprocessor_script takes lines, and dataset_format is parquet: give CSV or JSON Lines"
        )
    headed = job.written_in is Source.CSV and job.header
    if constraints is not None:
        return _gathered(files, headed, schema_of_baseline(constraints, str(job.constraints)), script)
    schema = _made(script, (_body(path, headed) for path in files), plain=True)
    if schema is None:
        raise DatasetError(f"the script {script.name} makes no record of what {job.source} holds")
    first = _gathered(files, headed, schema, script)
    text = {name for name, column in first.profile.columns.items() if column.inferred_type in _TEXT}
    return _gathered(files, headed, replace(schema, text=frozenset(text)), script) if text else first


def _gathered(files: tuple[Path, ...], headed: bool, schema: Schema, script: Script) -> Gathered:
    profile, bad, said, dropped = Profile.empty(schema.names), [], [], 0
    for path in files:
        found = decode_through(script, _body(path, headed), schema, plain=True)
        decoded = found.decoded
        dropped += found.dropped
        profile = profile_frame(
            decoded.records.select(schema.names),
            text=schema.text,
            domains=schema.domains,
            exact=True,
            onto=profile,
            widths=dict(decoded.misfits.group_by("@width").len().iter_rows()),
        )
        if decoded.rejects.counts:
            bad.append(Bad(str(path), decoded.rejects))
        if found.said:
            said.append(Said(str(path), found.said))
    return Gathered(len(files), profile, tuple(bad), tuple(said), read=len(files), dropped=dropped)


def _body(path: Path, headed: bool) -> bytes:
    """A file with an empty line for its header, so that its lines keep their numbers."""
    data = gunzip(path.read_bytes(), GIB).data
    return data[data.find(b"\n") :] if headed and b"\n" in data else b"" if headed else data


def _profiled(files: tuple[Path, ...], job: Job) -> Gathered:
    text = _text_columns(files, job)
    profile = Profile.empty()
    for frame in frames_of(files, job):
        profile = profile_frame(frame, text=text, exact=True, onto=profile)
    return Gathered(len(files), profile, ())


def _text_columns(files: Iterable[Path], job: Job) -> frozenset[str]:
    types: dict[str, TypeCounts] = {}
    for frame in frames_of(files, job):
        for name, counts in zip(frame.columns, classify_columns(frame), strict=True):
            types[name] = types.get(name, TypeCounts()) + counts
    return frozenset(name for name, counts in types.items() if counts.inferred in _TEXT)

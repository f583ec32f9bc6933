"""The data set of a model-quality job: what the model answered beside what was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from baselines.datasets import DatasetError
from baselines.quality.pairs import LABEL, PREDICTION, PROBABILITY
from monitor.analysis.attributes import bare, cell_of, label_of
from monitor.analysis.contract import ContractError, Job, Source
from monitor.analysis.files import files_of, frames_of
from monitor.capture.columns import Row
from monitor.capture.decode import GIB
from monitor.capture.exact import parse_line, read_time
from monitor.capture.gunzip import gunzip
from monitor.capture.lines import Line, blocks
from monitor.capture.payload import Json, RefusedError, read_payload
from monitor.capture.rejects import Reject, RejectKind, listed
from monitor.comparison import Bad, Period

_ATTRIBUTES = {
    LABEL: "ground_truth_attribute",
    PREDICTION: "inference_attribute",
    PROBABILITY: "probability_attribute",
}
Record = tuple[str | None, ...]
"""The cells of a record by the roles that are asked for, in their order."""


@dataclass(frozen=True, slots=True)
class Answers:
    """`frame` has the columns "label", "prediction", "probability" as far as they are named, as texts."""

    frame: pl.DataFrame
    objects: int
    bad: tuple[Bad, ...]


def read_answers(job: Job) -> Answers:
    """The answers and their labels, from the lines that Model Monitor merged or from a data set.

    Raises:
        ContractError: where there is no data set, or nothing says which column is what.
        DatasetError: where a file can't be read, or has no such column.
    """
    named = {role: job.attributes[name] for role, name in _ATTRIBUTES.items() if name in job.attributes}
    if PREDICTION not in named and PROBABILITY not in named:
        raise ContractError(
            "neither inference_attribute nor probability_attribute is set: name the column of the answers"
        )
    files = files_of(job)
    if job.written_in in (Source.CAPTURE, Source.MERGED):
        return _merged(files, named, job.period)
    if LABEL not in named:
        raise ContractError("ground_truth_attribute is not set: name the column of the labels")
    parts = [
        part.select(_column(part, column, job.source).alias(role) for role, column in named.items())
        for part in frames_of(files, job)
    ]
    if not sum(part.height for part in parts):
        raise DatasetError(f"{job.source} holds no rows")
    return Answers(pl.concat(parts), len(files), ())


def _column(part: pl.DataFrame, column: str, where: Path) -> pl.Series:
    for name in (column, bare(column), f"_c{column}"):
        if name in part.columns:
            return part[name]
    raise DatasetError(f"{where} has no column {column!r}: its columns are {', '.join(part.columns)}")


def _merged(files: Sequence[Path], named: Mapping[str, str], period: Period) -> Answers:
    """Captured lines with groundTruthData: the label is that, whatever `ground_truth_attribute` calls it."""
    roles = (LABEL, *(role for role in named if role != LABEL))
    records: list[Record] = []
    bad: list[Bad] = []
    for path in files:
        refused: list[Reject] = []
        for block in blocks(gunzip(path.read_bytes(), GIB).data):
            for line in block.lines(block.written.text["@line"]):
                try:
                    records.extend(_of_line(line, named, roles, period))
                except RefusedError as error:
                    refused.append(Reject(error.kind, line.number, None, error.detail))
        if refused:
            bad.append(Bad(str(path), listed(refused)))
    frame = pl.DataFrame(records, schema=dict.fromkeys(roles, pl.String), orient="row")
    return Answers(frame, len(files), tuple(bad))


def _of_line(line: Line, named: Mapping[str, str], roles: Sequence[str], period: Period) -> list[Record]:
    event = parse_line(line)
    capture, metadata = event.get("captureData"), event.get("eventMetadata")
    if not isinstance(capture, dict) or not isinstance(metadata, dict):
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line has no captureData or no eventMetadata")
    if not period.is_open and "inferenceTime" in metadata:
        moment = read_time(metadata["inferenceTime"], needed=True)
        if moment is None or not period.holds(moment):
            return []
    if event.get("groundTruthData") is None:
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line has no groundTruthData")
    labels = read_payload(event["groundTruthData"]).rows
    answered = _answers(capture)
    if len(labels) != len(answered):
        detail = f"the output has {len(answered)} records and the ground truth {len(labels)}"
        raise RefusedError(RejectKind.ROWS_DIFFER, detail)
    truth, batch = event["groundTruthData"], capture.get("batchTransformOutput")
    output = capture.get("endpointOutput") if batch is None else batch
    return [
        tuple(
            label_of(label, named.get(LABEL), truth, at)
            if role == LABEL
            else cell_of(answer, named[role], output, at)
            for role in roles
        )
        for at, (label, answer) in enumerate(zip(labels, answered, strict=True))
    ]


def _answers(capture: Mapping[str, Json]) -> list[Row[str | None]]:
    """The columns of each record: the output's, then the input's, as in a table of captures."""
    batch = capture.get("batchTransformOutput")
    if batch is not None:
        return read_payload(batch).rows
    if capture.get("endpointOutput") is None:
        raise RefusedError(RejectKind.NO_PAYLOAD, "the line has no output to hold against its label")
    outs = read_payload(capture["endpointOutput"]).rows
    asked = capture.get("endpointInput")
    ins = read_payload(asked).rows if asked is not None else []
    if len(ins) != len(outs) or any(row.names is not None for row in (*outs, *ins)):
        return outs
    return [Row([*out.cells, *into.cells]) for out, into in zip(outs, ins, strict=True)]

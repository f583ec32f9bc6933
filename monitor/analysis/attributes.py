"""Which cell of an answer, or of its ground truth, an attribute of a model-quality job names."""

from __future__ import annotations

import re

from monitor.capture.columns import Row
from monitor.capture.paths import path_of, reader_of
from monitor.capture.payload import Json, RefusedError, read_payload
from monitor.capture.rejects import RejectKind


def bare(name: str) -> str:
    """A name without the `$.` that JSON paths may begin with."""
    return name.removeprefix("$").removeprefix(".") or name


def cell_of(row: Row[str | None], name: str, side: Json, at: int) -> str | None:
    """A cell by its key or its path, by the last part of its key where that is one's alone, or by its place.

    `row` is record number `at`, from 0, of the captured `side`.

    Raises:
        RefusedError: WRONG_COLUMNS, NOT_DECODABLE.
    """
    found = _by_key(row, name)
    if found is not None:
        return row.cells[found]
    if re.search(r"[.\[]", bare(name)) and row.names is not None:
        return _at_path(name, side, at)
    ends = [place for place, key in enumerate(row.names or ()) if key.endswith(f"_{bare(name)}")]
    if len(ends) == 1:
        return row.cells[ends[0]]
    if ends:
        detail = f"{len(ends)} columns of the record end in _{bare(name)}: give the whole name of one"
        raise RefusedError(RejectKind.WRONG_COLUMNS, detail)
    place = name.removeprefix("_c")
    if place.isdecimal() and int(place) < len(row.cells):
        return row.cells[int(place)]
    raise _no_column(name)


def label_of(row: Row[str | None], name: str | None, side: Json, at: int) -> str | None:
    """The label's cell: the only one there is, the first of cells without names, else the one that is named.

    Raises:
        RefusedError: WRONG_COLUMNS, NOT_DECODABLE.
    """
    if not row.cells:
        raise RefusedError(RejectKind.NO_PAYLOAD, "the ground truth is empty")
    if row.names is None or len(row.cells) == 1:
        return row.cells[0]
    if name is None:
        detail = f"the ground truth has {len(row.cells)} values: name the label's by ground_truth_attribute"
        raise RefusedError(RejectKind.WRONG_COLUMNS, detail)
    return cell_of(row, name, side, at)


def _by_key(row: Row[str | None], name: str) -> int | None:
    """Nested keys are joined by "_", and so are the steps of a path that walks to one."""
    steps = re.sub(r"\.|\[(?=\d)", "_", bare(name)).replace("]", "")
    keys = row.names or ()
    return next((keys.index(key) for key in (name, bare(name), steps) if key in keys), None)


def _at_path(name: str, side: Json, at: int) -> str | None:
    try:
        path_of(bare(name))
    except ValueError as error:
        raise RefusedError(RejectKind.WRONG_COLUMNS, str(error)) from error
    rows = read_payload(side, reader_of({name: bare(name)})).rows
    if at >= len(rows) or (value := rows[at].cells[0]) is None:
        raise _no_column(name)
    return value


def _no_column(name: str) -> RefusedError:
    return RefusedError(RejectKind.WRONG_COLUMNS, f"the record has no column {name!r}")

"""Ingest: new objects become segments, each in the transaction that records it as consumed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import polars as pl
import structlog
from sqlalchemy import Connection

from baselines.quality.classes import text_only
from config.model import Endpoint
from monitor import transforms
from monitor.capture import layout, rejects, transform
from monitor.capture.decode import Decoded, Times, decode, nothing
from monitor.capture.ground_truth import Labels, decode_labels, hash_ids
from monitor.digest import Digest, Recipe, digest, reject_counts, without_settled
from monitor.hooks.preprocess import decode_through
from monitor.hooks.process import HookError
from monitor.windows import inference_times
from objects import ObjectRef, Place, PlaceError, PlaceProblem
from store import captures, ledger, windows
from store.records import ConsumedObject, ObjectKind, RejectCount

log = structlog.get_logger(__name__)

FOLD_OBJECTS = 64
FOLD_BYTES = 32 * 1024 * 1024
_UNFORESEEN = (Exception, pl.exceptions.PanicException)

Transaction = Callable[[], AbstractContextManager[Connection]]
"""A writing transaction that holds the monitor's lease, or raises LeaseLostError."""


@dataclass(frozen=True, slots=True)
class Found:
    """A listed object, and the variant its key names ("" for labels)."""

    ref: ObjectRef
    variant: str
    in_layout: bool = True

    @property
    def name(self) -> str:
        """The key as it is stored and shown."""
        return captures.shown_key(self.ref.key)


def list_captures(place: Place, endpoint: str, variant: str | None, since: datetime) -> Iterator[Found]:
    """Every captured object of the hours from `since` on, variant by variant, in key order."""
    folder = place.key(endpoint)
    for name in [variant] if variant else place.objects.folders(folder):
        after = layout.start_after(place.prefix, endpoint, name, since)
        for ref in place.objects.list(f"{folder}/{name}/", after):
            inside = layout.parse_key(ref.key, place.prefix) is not None
            yield Found(ref, name if layout.is_variant(name) else "", inside)


def list_all(place: Place, endpoint: Endpoint, since: datetime) -> Iterator[Found]:
    """What was captured of an endpoint, or of the batch transforms that stand for one."""
    if endpoint.batch:
        return list_transforms(place, since)
    return list_captures(place, endpoint.name, endpoint.variant, since)


def list_transforms(place: Place, since: datetime) -> Iterator[Found]:
    """Every manifest of what batch transforms answered in the hours from `since` on."""
    for ref in transforms.list_manifests(place, since):
        yield Found(ref, transform.VARIANT, transforms.job_hour(place, ref.key) is not None)


def list_labels(place: Place, since: datetime) -> Iterator[Found]:
    """Every object of labels collected in the hours from `since` on.

    Labels may share a folder with captures and results: folders that are no year are somebody else's.
    """
    prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
    for ref in place.objects.list(prefix, layout.label_start_after(place.prefix, since)):
        if not layout.is_beside_labels(ref.key, place.prefix):
            yield Found(ref, "", layout.parse_label_key(ref.key, place.prefix) is not None)


def unseen(
    connection: Connection, monitor_id: int, kind: ObjectKind, listed: Sequence[Found]
) -> tuple[Found, ...]:
    """Those of one place that were not counted yet, or were written again since."""
    if not listed:
        return ()
    bucket = listed[0].ref.bucket
    known = captures.known_etags(connection, monitor_id, kind, bucket, [found.name for found in listed])
    return tuple(found for found in listed if known.get(found.name) != found.ref.etag)


def read_otherwise(
    connection: Connection, monitor_id: int, columns: str, listed: Sequence[Found]
) -> tuple[Found, ...]:
    """Those that gave a window to be judged what was read with other columns than these."""
    other = captures.read_otherwise(connection, monitor_id, columns)
    return tuple(found for found in listed if (found.ref.bucket, found.name) in other) if other else ()


def consume_captures(
    place: Place,
    new: Iterable[Found],
    *,
    monitor_id: int,
    recipe: Recipe,
    transaction: Transaction,
    now: datetime,
    limit_bytes: int,
    batch: transforms.Transforms | None = None,
) -> int:
    """Read, digest and count objects, many small ones to a transaction; returns how many were counted.

    `batch`: the objects are manifests of batch transforms, and it follows them.
    """
    counted = 0
    for fold in _folds(new):
        digested = [
            (found, etag, _digest(place, found, data, recipe, limit_bytes, now, batch))
            for found, data, etag in _read(place, fold)
        ]
        starts = {segment.window_start for _, _, result in digested for segment in result.segments}
        with transaction() as connection:
            settled = windows.settled(connection, monitor_id, starts)
            for found, etag, result in digested:
                _count_capture(connection, monitor_id, found, etag, without_settled(result, settled), now)
        counted += len(digested)
    return counted


def _folds(new: Iterable[Found]) -> Iterator[list[Found]]:
    """Objects to be counted in one transaction: few enough that it stays short."""
    pending = iter(new)
    while fold := list(islice(pending, 1)):
        size = fold[0].ref.size
        while size < FOLD_BYTES and len(fold) < FOLD_OBJECTS and (more := next(pending, None)):
            fold.append(more)
            size += more.ref.size
        yield fold


def _read(place: Place, fold: Iterable[Found]) -> Iterator[tuple[Found, bytes, str]]:
    for found in fold:
        try:
            data, etag = place.objects.read_with_etag(found.ref.key)
        except PlaceError as error:
            if error.kind is not PlaceProblem.NO_KEY:
                raise
            log.info("object_gone", bucket=found.ref.bucket, key=found.name)
            continue
        yield found, data, etag


def _digest(
    place: Place,
    found: Found,
    data: bytes,
    recipe: Recipe,
    limit_bytes: int,
    now: datetime,
    batch: transforms.Transforms | None,
) -> Digest:
    if not found.in_layout:
        where = "output/yyyy/mm/dd/hh/<file>" if batch else "<endpoint>/<variant>/yyyy/mm/dd/hh/<file>"
        bad = _outside(where)
        return Digest((), reject_counts(bad), ledger.PREDICTIONS.to_frame(), 0, bad.lost, None)
    times = inference_times(now)
    begun = transforms.job_hour(place, found.ref.key) if batch else layout.begun(found.ref.key, place.prefix)
    try:
        if batch:
            decoded = batch.decode(found.ref.key, data, recipe.schema, limit_bytes=limit_bytes, between=times)
        else:
            decoded = _decoded(data, recipe, limit_bytes, times)
        return digest(decoded, found.variant, recipe, begun)
    except (HookError, PlaceError):
        raise  # its owner has to mend a script, and a place may be read later: nothing is counted
    except _UNFORESEEN as error:  # no single object may keep the others from being counted
        return digest(nothing(recipe.schema, _failed(error)), found.variant, recipe, begun)


def _decoded(data: bytes, recipe: Recipe, limit_bytes: int, between: Times) -> Decoded:
    if recipe.preprocess is None:
        return decode(data, recipe.schema, limit_bytes=limit_bytes, between=between)
    found = decode_through(recipe.preprocess, data, recipe.schema, limit_bytes=limit_bytes, between=between)
    if found.said:  # how much alone: what a script prints may hold captured values
        log.info("hook_printed", script=recipe.preprocess.name, characters=len(found.said))
    return found.decoded


def _failed(error: BaseException) -> rejects.Rejects:
    """An object on which Kedge itself failed, and where: an error's own words may hold captured values."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    return rejects.one(rejects.RejectKind.FAILED, f"Kedge failed on this object ({at}): report it as a bug")


def _outside(layout_is: str) -> rejects.Rejects:
    return rejects.one(rejects.RejectKind.OUTSIDE_LAYOUT, f"the key is not {layout_is}")


def _count_capture(
    connection: Connection, monitor_id: int, found: Found, etag: str, result: Digest, now: datetime
) -> None:
    captures.replace(
        connection,
        monitor_id,
        ConsumedObject(
            ObjectKind.CAPTURE,
            found.ref.bucket,
            found.name,
            etag,
            found.ref.size,
            found.variant,
            result.records,
            result.rejected,
        ),
        segments_given=result.segments,
        rejects_given=result.rejects,
        predictions_given=result.predictions,
        newest=result.newest,
        now=now,
    )
    _tell_rejects(found, result.rejects)


def _tell_rejects(found: Found, bad: Iterable[RejectCount]) -> None:
    for one in bad:
        log.warning(
            "rejected",
            bucket=found.ref.bucket,
            key=found.name,
            kind=one.kind,
            count=one.count,
            line=one.examples[0].line if one.examples else None,
        )


def consume_labels(
    place: Place,
    new: Iterable[Found],
    *,
    monitor_id: int,
    transaction: Transaction,
    now: datetime,
    limit_bytes: int,
    classes: bool = False,
) -> int:
    """Read and count ground truth; the windows it labels are marked to be measured again.

    `classes` says that labels are classes, which may be texts.
    """
    counted = 0
    for fold in _folds(new):
        read = [(found, etag, _labels(found, data, limit_bytes)) for found, data, etag in _read(place, fold)]
        with transaction() as connection:
            for found, etag, labels in read:
                _count_labels(connection, monitor_id, found, etag, labels, classes, now)
        counted += len(read)
    return counted


def _labels(found: Found, data: bytes, limit_bytes: int) -> Labels:
    if not found.in_layout:
        return Labels(decode_labels(b"").frame, _outside("yyyy/mm/dd/hh/<file>"))
    try:
        return decode_labels(data, limit_bytes=limit_bytes)
    except _UNFORESEEN as error:  # as above
        return Labels(decode_labels(b"").frame, _failed(error))


def _count_labels(
    connection: Connection,
    monitor_id: int,
    found: Found,
    etag: str,
    labels: Labels,
    classes: bool,
    now: datetime,
) -> None:
    rows = labels.frame.select(
        hash_ids(labels.frame["join_id"]).alias("join_hash"),
        pl.col("row").cast(pl.Int64),
        pl.col("label").cast(pl.Float64, strict=False),
        *([text_only(pl.col("label")).alias("truth")] if classes else []),
    )
    bad = reject_counts(labels.rejects)
    captures.replace(
        connection,
        monitor_id,
        ConsumedObject(
            ObjectKind.GROUND_TRUTH,
            found.ref.bucket,
            found.name,
            etag,
            found.ref.size,
            "",
            rows.height,
            labels.rejects.lost,
        ),
        rejects_given=bad,
        labels_given=rows,
        now=now,
    )
    _tell_rejects(found, bad)


def is_label_before(place: Place, found: Found, hour: datetime) -> bool:
    """The same for labels."""
    collected = layout.parse_label_key(found.ref.key, place.prefix)
    return collected is not None and collected < hour.replace(minute=0, second=0, microsecond=0)


def is_before(place: Place, found: Found, hour: datetime) -> bool:
    """Whether an object's key says that it is of an hour that is not listed any more."""
    if found.variant == transform.VARIANT and (job := transforms.job_hour(place, found.ref.key)):
        return job < hour.replace(minute=0, second=0, microsecond=0)
    key = layout.parse_key(found.ref.key, place.prefix)
    return key is not None and key.hour < hour.replace(minute=0, second=0, microsecond=0)

"""Ingest: new objects become segments, each in the transaction that records it as consumed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

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
from objects.ahead import READS, ahead
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
            yield _capture(place, name, ref)


def _capture(place: Place, variant: str, ref: ObjectRef) -> Found:
    inside = layout.parse_key(ref.key, place.prefix) is not None
    return Found(ref, variant if layout.is_variant(variant) else "", inside)


def list_all(place: Place, endpoint: Endpoint, since: datetime) -> Iterator[Found]:
    """What was captured of an endpoint, or of the batch transforms that stand for one."""
    if endpoint.batch:
        return list_transforms(place, since)
    return list_captures(place, endpoint.name, endpoint.variant, since)


def list_transforms(place: Place, since: datetime) -> Iterator[Found]:
    """Every manifest of what batch transforms answered in the hours from `since` on."""
    for ref in transforms.list_manifests(place, since):
        yield _manifest(place, ref)


def _manifest(place: Place, ref: ObjectRef) -> Found:
    return Found(ref, transform.VARIANT, transforms.job_hour(place, ref.key) is not None)


def found_at(place: Place, endpoint: Endpoint, ref: ObjectRef, since: datetime) -> Found | None:
    """An object as `list_all` finds it; None where that leaves it out."""
    folder = place.key(transforms.OUTPUT if endpoint.batch else endpoint.name)
    if not ref.key.startswith(f"{folder}/"):
        return None
    if endpoint.batch:
        return _manifest(place, ref) if ref.key > layout.label_start_after(folder, since) else None
    variant, slash, _ = ref.key[len(folder) + 1 :].partition("/")
    if not slash or endpoint.variant not in (None, variant):
        return None
    after = layout.start_after(place.prefix, endpoint.name, variant, since)
    return _capture(place, variant, ref) if ref.key > after else None


def list_labels(place: Place, since: datetime) -> Iterator[Found]:
    """Every object of labels collected in the hours from `since` on.

    Labels may share a folder with captures and results: folders that are no year are somebody else's.
    """
    prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
    for ref in place.objects.list(prefix, layout.label_start_after(place.prefix, since)):
        if not layout.is_beside_labels(ref.key, place.prefix):
            yield Found(ref, "", layout.parse_label_key(ref.key, place.prefix) is not None)


def known(
    connection: Connection, monitor_id: int, kind: ObjectKind, listed: Sequence[Found]
) -> dict[str, str]:
    """Name → ETag of those of one place that are counted."""
    if not listed:
        return {}
    bucket = listed[0].ref.bucket
    return captures.known_etags(connection, monitor_id, kind, bucket, [found.name for found in listed])


def unseen(
    connection: Connection, monitor_id: int, kind: ObjectKind, listed: Sequence[Found]
) -> tuple[Found, ...]:
    """Those of one place that were not counted yet, or were written again since."""
    counted = known(connection, monitor_id, kind, listed)
    return tuple(found for found in listed if counted.get(found.name) != found.ref.etag)


def read_otherwise(
    connection: Connection, monitor_id: int, columns: str, listed: Sequence[Found]
) -> tuple[Found, ...]:
    """Those that gave a window to be judged what was read with other columns than these."""
    other = captures.read_otherwise(connection, monitor_id, columns)
    return tuple(found for found in listed if (found.ref.bucket, found.name) in other) if other else ()


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with the captured objects of a place, wherever it is done.

    Attributes:
        place: where they lie.
        recipe: how they are digested.
        now: business time, beyond which no inference can have been made.
        limit_bytes: how much an object may unpack to.
        batch: follows them, where they are manifests of batch transforms.
        role: in which role they are read; None reads them with the process's own credentials.
    """

    place: Place
    recipe: Recipe
    now: datetime
    limit_bytes: int
    batch: transforms.Transforms | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Digested:
    """What one object, as it was with this ETag, gives."""

    found: Found
    etag: str
    digest: Digest


_Read = tuple[Found, bytes, str]
Fold = tuple[Digested, ...]
"""What is counted in one transaction."""


class Engine(Protocol):
    """Who reads and digests."""

    def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
        """What the objects give, part by part; one that is not there any more is left out.

        Raises PlaceError or HookError, and whatever else keeps it from going on; what it gave before counts.
        """


class Here:
    """Reads and digests in this process, one object after the other."""

    def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
        """See `Engine.digested`."""
        for fold in _read_in_folds(work.place, new):
            yield tuple(Digested(found, etag, _digest(work, found, data)) for found, data, etag in fold)


HERE = Here()


def digested(work: Work, objects: Iterable[Found]) -> Iterator[Digested]:
    """Read and digest objects in their order, the next ones asked for while one is digested."""
    with closing(_read_ahead(work.place, objects)) as reading:
        for got in reading:
            if got is not None:
                found, data, etag = got
                yield Digested(found, etag, _digest(work, found, data))


def consume_captures(
    work: Work,
    new: Iterable[Found],
    *,
    monitor_id: int,
    transaction: Transaction,
    engine: Engine = HERE,
    again: Callable[[Sequence[Found]], Sequence[Found]] = tuple,
) -> int:
    """Read, digest and count objects, many small ones to a transaction; returns how many were counted.

    Objects that shared a profile with one of them are read again too, as far as `again` takes them.
    """
    counted = 0
    waiting = tuple(new)
    while waiting:
        apart: dict[str, Found] = {}
        for fold in engine.digested(work, waiting):
            starts = {segment.window_start for one in fold for segment in one.digest.segments}
            with transaction() as connection:
                settled = windows.settled(connection, monitor_id, starts)
                for one in fold:
                    given = replace(one, digest=without_settled(one.digest, settled))
                    shared = _count_capture(connection, monitor_id, given, work.now)
                    apart.update((other.key, _as_found(other, work.now)) for other in shared)
                    apart.pop(one.found.name, None)
            counted += len(fold)
        if apart:
            log.info("read_again", bucket=waiting[0].ref.bucket, objects=len(apart))
        waiting = tuple(again(tuple(apart.values())))
    return counted


def _as_found(apart: ConsumedObject, now: datetime) -> Found:
    """An object that was counted, to be read as if it had been listed."""
    return Found(ObjectRef(apart.bucket, apart.key, apart.etag, apart.size, now), apart.variant)


def folds(
    new: Iterable[Found], most_objects: int = FOLD_OBJECTS, most_bytes: int = FOLD_BYTES
) -> Iterator[list[Found]]:
    """Objects in runs of so many and about so many bytes; one at the least."""
    pending = iter(new)
    while fold := list(islice(pending, 1)):
        size = fold[0].ref.size
        while size < most_bytes and len(fold) < most_objects and (more := next(pending, None)):
            fold.append(more)
            size += more.ref.size
        yield fold


def _read_in_folds(place: Place, new: Iterable[Found]) -> Iterator[Iterator[_Read]]:
    """Each fold as what was read of it; the next objects are asked for while these are looked at."""
    pending = list(new)
    with closing(_read_ahead(place, pending)) as reading:
        for fold in folds(pending):
            yield (got for got in islice(reading, len(fold)) if got is not None)


def _read_ahead(place: Place, objects: Iterable[Found]) -> Generator[_Read | None]:
    return ahead(partial(_read, place), objects, READS, lambda found: found.ref.size)


def _read(place: Place, found: Found) -> _Read | None:
    """An object with its bytes and their ETag; None where it is gone."""
    try:
        return found, *place.objects.read_with_etag(found.ref.key)
    except PlaceError as error:
        if error.kind is not PlaceProblem.NO_KEY:
            raise
        log.info("object_gone", bucket=found.ref.bucket, key=found.name)
        return None


def _digest(work: Work, found: Found, data: bytes) -> Digest:
    recipe, batch, place = work.recipe, work.batch, work.place
    if not found.in_layout:
        where = "output/yyyy/mm/dd/hh/<file>" if batch else "<endpoint>/<variant>/yyyy/mm/dd/hh/<file>"
        bad = _outside(where)
        return Digest((), reject_counts(bad), ledger.PREDICTIONS.to_frame(), 0, bad.lost, None)
    times = inference_times(work.now)
    begun = transforms.job_hour(place, found.ref.key) if batch else layout.begun(found.ref.key, place.prefix)
    limit = work.limit_bytes
    try:
        if batch:
            decoded = batch.decode(found.ref.key, data, recipe.schema, limit_bytes=limit, between=times)
        else:
            decoded = _decoded(data, recipe, limit, times)
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
    connection: Connection, monitor_id: int, given: Digested, now: datetime
) -> tuple[ConsumedObject, ...]:
    found, result = given.found, given.digest
    apart = captures.replace(
        connection,
        monitor_id,
        ConsumedObject(
            ObjectKind.CAPTURE,
            found.ref.bucket,
            found.name,
            given.etag,
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
    return apart


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
    for fold in _read_in_folds(place, new):
        read = [(found, etag, _labels(found, data, limit_bytes)) for found, data, etag in fold]
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

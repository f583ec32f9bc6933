"""One comparison without a database: captured objects, in key order, against a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from baselines.constraints import Constraints
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import NumberForm
from config.assumptions import CONSERVATIVE, Assume
from config.distance import Distance
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, Times, decode
from monitor.capture.rejects import RejectKind, Rejects
from monitor.hooks.preprocess import Preprocessed, decode_through
from monitor.hooks.script import Script
from monitor.judge import Verdict, judge
from objects import FolderObjects, Place, PlaceError, PlaceProblem, open_place
from objects.ahead import Bounds, ahead, read_ahead

EXACT_RECORDS = 1 << 16
"""A capture of so many records has its spread taken value by value, as one of Spark's partitions does.

Of a larger one it is taken block by block, within 1e-9.
"""
_BATCH_BYTES = 12 << 20
"""Neighbours are decoded together up to this: more leaves the processor's cache, less costs calls."""
_DECODED = Bounds(2)
"""Batches that are decoded, or being decoded, beside the one that is profiled: memory holds no more."""
_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be used of one object."""

    key: str
    rejects: Rejects

    def sentences(self) -> Iterator[str]:
        """Each example in a line, then how many of its kind there are beside those; no captured value."""
        for example in self.rejects.examples:
            line = f" line {example.line}" if example.line else ""
            column = f" column {example.column}" if example.column else ""
            yield f"{self.key}{line}{column}: {example.kind}: {example.detail}"
        for kind, count in self.rejects.counts.items():
            shown = sum(example.kind is kind for example in self.rejects.examples)
            if shown < count:
                yield f"{self.key}: {kind}: and {count - shown} more"


@dataclass(frozen=True, slots=True)
class Said:
    """What the owner's script printed while it worked on one object; it may hold captured values."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was read, and the verdict on it."""

    objects: int
    profile: Profile
    verdict: Verdict
    bad: tuple[Bad, ...]
    said: tuple[Said, ...] = ()
    lost: int = 0
    """Records of the period that could not be used, and lines that no time can be told of."""


@dataclass(frozen=True, slots=True)
class Period:
    """Inference time from `start` on and before `end`; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether every record lies in it."""
        return self.start is None and self.end is None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        after = self.start is None or moment >= self.start
        return after and (self.end is None or moment < self.end)

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame whose "@time" lies in the period."""
        if self.start is not None:
            frame = frame.filter(pl.col("@time") >= self.start)
        return frame if self.end is None else frame.filter(pl.col("@time") < self.end)


def find(address: str) -> tuple[Place, tuple[str, ...]]:
    """The place of a capture and the keys in it, in order: one object that is named, or those of a folder.

    Raises PlaceError where there are none.
    """
    place = open_place(address)
    if isinstance(place.objects, FolderObjects) and place.objects.root.is_file():
        file = place.objects.root
        return open_place(str(file.parent)), (file.name,)
    folder = place.key("")
    found = tuple(key for key in place.objects.keys(folder) if key.endswith(_SUFFIXES))
    if not found and place.prefix and place.objects.exists(place.prefix):
        found = (place.prefix,)
    if not found:
        raise PlaceError(
            PlaceProblem.NO_KEY,
            f"{place.uri} holds no captured objects (*.jsonl, *.jsonl.gz): give the folder that holds them, "
            "for an endpoint DESTINATION/ENDPOINT/VARIANT",
        )
    return place, found


@dataclass(frozen=True, slots=True)
class Gathered:
    """What captured objects hold of a period.

    Attributes:
        objects: how many hold something of it.
        profile: the records of it.
        bad: what could not be used of these objects.
        said: what the owner's script printed.
        read: how many objects were read.
        lost: records of the period that could not be used, and lines that no time can be told of.
        span: the first and the last time of all records, also of those outside the period.
        dropped: lines of which the owner's script made no record.
    """

    objects: int
    profile: Profile
    bad: tuple[Bad, ...]
    said: tuple[Said, ...] = ()
    read: int = 0
    lost: int = 0
    span: tuple[datetime, datetime] | None = None
    dropped: int = 0


def gather(
    place: Place,
    keys: Iterable[str],
    schema: Schema,
    period: Period,
    preprocess: Script | None = None,
    between: Times | None = None,
) -> Gathered:
    """Read the objects one after the other as one stream, so that the digits are Model Monitor's.

    Lines of a time outside `between`, which no inference can have, are rejects; None takes any. Lines
    without a time are rejects where the period is not open.

    Raises HookError where `preprocess`, the owner's script, can't be loaded.
    """
    kept = [name for name in schema.names if name not in schema.exclude]
    stream = _Stream(schema, Profile.empty(kept))
    bad, read, count, lost, dropped, said = [], 0, 0, 0, 0, []
    widths = Counter[int]()  # of whole records: columns that are left out hold their place
    spans: list[pl.DataFrame] = []
    for batch, found in _decoded(place, keys, schema, period, preprocess, between):
        decoded, printed = found.decoded, found.said
        read += len(batch)
        dropped += found.dropped
        if printed:
            said.append(Said(batch[0], printed))
        spans.append(decoded.records.select(first=pl.col("@time").min(), last=pl.col("@time").max()))
        records, misfits = period.of(decoded.records), period.of(decoded.misfits)
        if not _is_of(period, decoded, records, misfits):
            continue
        count += len(batch)
        records = records.select(kept)
        widths.update(dict(misfits.group_by("@width").len().iter_rows()))
        widths.update({len(schema.names): records.height})
        stream.add(records, decoded.forms)
        if decoded.rejects.counts:
            bad.append(Bad(batch[0], decoded.rejects))
            outside = decoded.misfits["@time"].count() - misfits["@time"].count()
            lost += decoded.rejects.lost - decoded.rejects.count(RejectKind.EMPTY_FILE) - outside
    profile = replace(
        stream.profiled(), widths={width: rows for width, rows in sorted(widths.items()) if rows}
    )
    return Gathered(count, profile, tuple(bad), tuple(said), read, lost, _span(spans), dropped)


@dataclass(slots=True)
class _Stream:
    """Records as they come, and the profile of those that are past; lives inside one call only."""

    schema: Schema
    profile: Profile
    waiting: list[tuple[pl.DataFrame, Mapping[str, NumberForm]]] = field(default_factory=list)
    """Records until it is known whether they are few."""
    records: int = 0

    def add(self, records: pl.DataFrame, forms: Mapping[str, NumberForm]) -> None:
        self.records += records.height
        self.waiting.append((records, forms))
        if self.records > EXACT_RECORDS:
            self._profile(exact=False)

    def profiled(self) -> Profile:
        """The profile of all of them."""
        self._profile(exact=True)
        return self.profile

    def _profile(self, *, exact: bool) -> None:
        for records, forms in self.waiting:
            self.profile = profile_frame(
                records,
                text=self.schema.text - self.schema.exclude,
                domains=self.schema.domains,
                exact=exact,
                onto=self.profile,
                forms=forms,
            )
        self.waiting.clear()


def _is_of(period: Period, decoded: Decoded, records: pl.DataFrame, misfits: pl.DataFrame) -> bool:
    """Whether an object holds anything of the period; one without a time in it may."""
    if period.is_open or records.height or misfits.height:
        return True
    return not decoded.records["@time"].count() and not decoded.misfits["@time"].count()


def _span(spans: list[pl.DataFrame]) -> tuple[datetime, datetime] | None:
    if not spans:
        return None
    first, last = pl.concat(spans).select(pl.col("first").min(), pl.col("last").max()).row(0)
    return None if first is None else (first, last)


def judged(
    current: Profile,
    baseline: Profile,
    constraints: Constraints,
    schema: Schema,
    mode: Distance,
    assume: Assume = CONSERVATIVE,
) -> Verdict:
    """The verdict on records of a schema, whose excluded columns are not looked at."""
    return judge(current, baseline, _of(constraints, schema), mode, len(schema.names), assume)


def compare(
    place: Place,
    keys: Iterable[str],
    baseline: Profile,
    constraints: Constraints,
    schema: Schema,
    mode: Distance,
    period: Period,
    assume: Assume = CONSERVATIVE,
    preprocess: Script | None = None,
) -> Comparison:
    """Read the objects and hold them against a baseline. Raises HookError as `gather`."""
    found = gather(place, keys, schema, period, preprocess)
    return held_against(found, baseline, constraints, schema, mode, assume)


def held_against(
    found: Gathered,
    baseline: Profile,
    constraints: Constraints,
    schema: Schema,
    mode: Distance,
    assume: Assume = CONSERVATIVE,
) -> Comparison:
    """What was gathered, with the verdict on it."""
    verdict = judged(found.profile, baseline, constraints, schema, mode, assume)
    return Comparison(found.objects, found.profile, verdict, found.bad, found.said, found.lost)


def _of(constraints: Constraints, schema: Schema) -> Constraints:
    """The constraints of what is looked at."""
    kept = tuple(feature for feature in constraints.features if feature.name not in schema.exclude)
    return constraints if len(kept) == len(constraints.features) else replace(constraints, features=kept)


def _decoded(
    place: Place,
    keys: Iterable[str],
    schema: Schema,
    period: Period,
    preprocess: Script | None,
    between: Times | None,
) -> Iterator[tuple[tuple[str, ...], Preprocessed]]:
    """What objects hold, in order, with their keys: several at once where nothing is to be said of any."""
    timed = not period.is_open
    if preprocess is not None:
        with closing(_stored(place, keys)) as stored:
            for key, data in stored:
                yield (key,), decode_through(preprocess, data, schema, need_time=timed, between=between)
        return

    def read(batch: _Batch) -> list[tuple[tuple[str, ...], Preprocessed]]:
        if len(batch) > 1:
            joined = b"".join(data for _, data in batch)
            together = decode(joined, schema, need_time=timed, between=between, bare=True)
            if not together.rejects.counts:
                return [(tuple(key for key, _ in batch), Preprocessed(together, ""))]
        return [
            ((key,), Preprocessed(decode(data, schema, need_time=timed, between=between, bare=True), ""))
            for key, data in batch
        ]

    with (
        closing(_stored(place, keys)) as stored,
        closing(ahead(read, _batches(stored, together=period.is_open), _DECODED)) as decoded,
    ):
        for each in decoded:
            yield from each


_Batch = Sequence[tuple[str, bytes]]


def _stored(place: Place, keys: Iterable[str]) -> Generator[tuple[str, bytes]]:
    """Keys with their objects, in order; S3 is asked ahead, a folder has nothing to wait for."""
    if isinstance(place.objects, FolderObjects):
        for key in keys:
            yield key, place.objects.read(key)
    else:
        with closing(read_ahead(place.objects, keys)) as stored:
            yield from stored


def _batches(stored: Iterable[tuple[str, bytes]], *, together: bool) -> Iterator[_Batch]:
    """Objects with their keys, in order; neighbours that may be read as one are together, up to a size."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for key, data in stored:
        joins = together and data.startswith(b"{") and data.endswith(b"}\n")
        if batch and not (joins and size + len(data) <= _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, data))
        size += len(data)
        if not joins:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch

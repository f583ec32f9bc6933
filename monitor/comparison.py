"""One comparison without a database: captured objects, in key order, against a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from baselines.constraints import Constraints
from baselines.profile.profile import Profile, profile_frame
from config.model import Distance
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.rejects import Rejects
from monitor.judge import Verdict, judge
from objects import ObjectRef, Place, PlaceError, PlaceProblem

_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be used of one object."""

    ref: ObjectRef
    rejects: Rejects


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was read, and the verdict on it."""

    objects: int
    profile: Profile
    verdict: Verdict
    bad: tuple[Bad, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """Inference time from `start` on and before `end`; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether every record lies in it."""
        return self.start is None and self.end is None

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame whose "@time" lies in the period."""
        if self.start is not None:
            frame = frame.filter(pl.col("@time") >= self.start)
        return frame if self.end is None else frame.filter(pl.col("@time") < self.end)


def find(place: Place) -> tuple[ObjectRef, ...]:
    """The captured objects at or below a place, in key order; raises PlaceError where there are none."""
    prefix = f"{place.prefix}/" if place.prefix else ""
    found = tuple(ref for ref in place.objects.list(prefix) if ref.key.endswith(_SUFFIXES))
    if not found:
        raise PlaceError(
            PlaceProblem.NO_KEY,
            f"{place.uri} holds no captured objects (*.jsonl, *.jsonl.gz): give the folder that holds them, "
            "for an endpoint DESTINATION/ENDPOINT/VARIANT",
        )
    return found


def compare(
    place: Place,
    refs: Iterable[ObjectRef],
    baseline: Profile,
    constraints: Constraints,
    schema: Schema,
    mode: Distance,
    period: Period,
) -> Comparison:
    """Read the objects one after the other as one stream, so that the digits are Model Monitor's."""
    profile, bad, count = Profile.empty(schema.names), [], 0
    for ref, decoded in _decoded(place, refs, schema, period):
        count += 1
        widths = dict(period.of(decoded.misfits).group_by("@width").len().iter_rows())
        records = period.of(decoded.records).select(schema.names)
        profile = profile_frame(records, text=schema.text, exact=True, onto=profile, widths=widths)
        if decoded.rejects.counts:
            bad.append(Bad(ref, decoded.rejects))
    return Comparison(count, profile, judge(profile, baseline, constraints, mode), tuple(bad))


def _decoded(
    place: Place, refs: Iterable[ObjectRef], schema: Schema, period: Period
) -> Iterator[tuple[ObjectRef, Decoded]]:
    for ref in refs:
        yield ref, decode(place.objects.read(ref.key), schema, need_time=not period.is_open)

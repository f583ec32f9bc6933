"""One comparison without a database: captured objects, in key order, against a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from baselines.constraints import Constraints
from baselines.profile.profile import Profile, profile_frame
from config.assumptions import CONSERVATIVE, Assume
from config.model import Distance
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.rejects import Rejects
from monitor.hooks.preprocess import decode_through
from monitor.hooks.script import Script
from monitor.judge import Verdict, judge
from objects import FolderObjects, Place, PlaceError, PlaceProblem, open_place

EXACT_RECORDS = 1 << 16
"""Records up to which the spread is taken value by value, as one of Spark's partitions does; beyond, 1e-9."""
_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be used of one object."""

    key: str
    rejects: Rejects


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
    """What captured objects hold: how many there were, their profile, what could not be used of them."""

    objects: int
    profile: Profile
    bad: tuple[Bad, ...]
    said: tuple[Said, ...] = ()


def gather(
    place: Place, keys: Iterable[str], schema: Schema, period: Period, preprocess: Script | None = None
) -> Gathered:
    """Read the objects one after the other as one stream, so that the digits are Model Monitor's.

    Raises HookError where `preprocess`, the owner's script, can't be loaded.
    """
    kept = [name for name in schema.names if name not in schema.exclude]
    profile, bad, count, said = Profile.empty(kept), [], 0, []
    widths = Counter[int]()  # of whole records: columns that are left out hold their place
    for key, decoded, printed in _decoded(place, keys, schema, period, preprocess):
        count += 1
        if printed:
            said.append(Said(key, printed))
        records = period.of(decoded.records).select(kept)
        widths.update(dict(period.of(decoded.misfits).group_by("@width").len().iter_rows()))
        widths.update({len(schema.names): records.height})
        profile = profile_frame(
            records,
            text=schema.text - schema.exclude,
            domains=schema.domains,
            exact=profile.rows < EXACT_RECORDS,
            onto=profile,
        )
        if decoded.rejects.counts:
            bad.append(Bad(key, decoded.rejects))
    profile = replace(profile, widths={width: rows for width, rows in sorted(widths.items()) if rows})
    return Gathered(count, profile, tuple(bad), tuple(said))


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
    verdict = judged(found.profile, baseline, constraints, schema, mode, assume)
    return Comparison(found.objects, found.profile, verdict, found.bad, found.said)


def _of(constraints: Constraints, schema: Schema) -> Constraints:
    """The constraints of what is looked at."""
    kept = tuple(feature for feature in constraints.features if feature.name not in schema.exclude)
    return constraints if len(kept) == len(constraints.features) else replace(constraints, features=kept)


def _decoded(
    place: Place, keys: Iterable[str], schema: Schema, period: Period, preprocess: Script | None
) -> Iterator[tuple[str, Decoded, str]]:
    timed = not period.is_open
    for key in keys:
        data = place.objects.read(key)
        if preprocess is None:
            yield key, decode(data, schema, need_time=timed), ""
        else:
            found = decode_through(preprocess, data, schema, need_time=timed)
            yield key, found.decoded, found.said

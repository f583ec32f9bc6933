"""What some objects give together: each object's own counts, and one profile a window. Values that add up."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from baselines.profile import codec
from baselines.profile.profile import Profile
from monitor.digest import window_of
from monitor.ingest import Digested, Fold
from store.windows import WindowKey

_MOVED = b""
"""In place of a segment's profile, which lies with those of its window."""


@dataclass(frozen=True, slots=True)
class Partial:
    """Digested objects in key order, their segments bare, and the encoded profile of each window."""

    digested: Fold
    profiles: Mapping[WindowKey, bytes]

    __hash__ = None  # type: ignore[assignment]


def partial_of(digested: Iterable[Digested]) -> Partial:
    """What objects give together, in their order."""
    bare: list[Digested] = []
    found: dict[WindowKey, list[bytes]] = {}
    for one in digested:
        for segment in one.digest.segments:
            found.setdefault(window_of(segment), []).append(segment.profile)
        segments = tuple(replace(segment, profile=_MOVED) for segment in one.digest.segments)
        bare.append(replace(one, digest=replace(one.digest, segments=segments)))
    return Partial(tuple(bare), {key: _summed(each) for key, each in found.items()})


def added(partials: Sequence[Partial]) -> Partial:
    """The sum of what neighbours give, in their order."""
    keys = dict.fromkeys(key for each in partials for key in each.profiles)
    return Partial(
        tuple(one for each in partials for one in each.digested),
        {key: _summed([each.profiles[key] for each in partials if key in each.profiles]) for key in keys},
    )


def shared(partial: Partial) -> Fold:
    """The objects as they are counted: the first that gave a window anything has the sum of all that did.

    The segments of the others have a profile of no records, so that a window's segments add up as ever.
    """
    givers = Counter(window_of(segment) for one in partial.digested for segment in one.digest.segments)
    name = _name(partial.digested)
    left = dict(partial.profiles)
    nothing = {key: _of_nothing(partial.profiles[key]) for key, given in givers.items() if given > 1}
    counted = []
    for one in partial.digested:
        segments = []
        for segment in one.digest.segments:
            key = window_of(segment)
            profile = left.pop(key, None)
            segments.append(
                replace(
                    segment,
                    profile=nothing[key] if profile is None else profile,
                    share=name if givers[key] > 1 else "",
                )
            )
        counted.append(replace(one, digest=replace(one.digest, segments=tuple(segments))))
    return tuple(counted)


def _name(digested: Fold) -> str:
    told = repr([(one.found.ref.bucket, one.found.name, one.etag) for one in digested])
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _of_nothing(encoded: bytes) -> bytes:
    return codec.encode(Profile.empty(codec.decode(encoded).columns))


def _summed(encoded: Sequence[bytes]) -> bytes:
    """The sum of profiles in their order, pair by pair: a tree, in which a sketch is compacted least."""
    if len(encoded) == 1:
        return encoded[0]
    level = [codec.decode(each) for each in encoded]
    while len(level) > 1:
        pairs = [level[at] + level[at + 1] for at in range(0, len(level) - 1, 2)]
        level = [*pairs, *level[2 * len(pairs) :]]
    return codec.encode(level[0])

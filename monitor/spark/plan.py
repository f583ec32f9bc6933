"""Which objects are digested in one task, share a profile, and are counted before others are begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from monitor.ingest import Found, folds
from store.shares import folder_of


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much goes together.

    Attributes:
        task_objects: objects that one task digests, at most.
        task_bytes: their stored bytes, about.
        share_objects: objects whose records are summed; so many are read again where one is written anew.
        share_bytes: their stored bytes, about. The driver holds the predictions of so much at a time.
        tasks_per_core: tasks of a wave: enough that no core waits for another for long, few enough that a
            failure costs little.
        fan: sums that are summed in one step of the tree.
    """

    task_objects: int = 32
    task_bytes: int = 64 << 20
    share_objects: int = 512
    share_bytes: int = 512 << 20
    tasks_per_core: int = 8
    fan: int = 8


ORDINARY = Sizes()
Share = tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """Objects that one task digests: the `position`th of those that make the share."""

    share: int
    position: int
    objects: tuple[Found, ...]


def shares(new: Iterable[Found], sizes: Sizes) -> Iterator[Share]:
    """Runs of neighbours in one folder.

    An object whose key the database can't hold as it is stands alone: its folder may be another one there.
    """
    for _, inside in groupby(new, key=_home):
        yield from map(tuple, folds(inside, sizes.share_objects, sizes.share_bytes))


def _home(found: Found) -> tuple[str, str]:
    whole = found.name == found.ref.key
    return folder_of(found.name), found.variant if whole else found.name


def waves(found: Iterable[Share], cores: int, sizes: Sizes) -> Iterator[tuple[Share, ...]]:
    """Shares that are digested at the same time; what one wave gave is counted before the next begins."""
    wave: list[Share] = []
    objects = size = 0
    for share in found:
        wave.append(share)
        objects += len(share)
        size += sum(one.ref.size for one in share)
        tasks = max(objects / sizes.task_objects, size / sizes.task_bytes)
        if tasks >= cores * sizes.tasks_per_core:
            yield tuple(wave)
            wave, objects, size = [], 0, 0
    if wave:
        yield tuple(wave)


def tasks(wave: Sequence[Share], sizes: Sizes) -> tuple[Task, ...]:
    """The tasks of a wave, share by share."""
    return tuple(
        Task(number, position, tuple(objects))
        for number, share in enumerate(wave)
        for position, objects in enumerate(folds(share, sizes.task_objects, sizes.task_bytes))
    )


def parcels(wave: Sequence[Share], sizes: Sizes) -> tuple[int, ...]:
    """For each share of a wave its parcel: what comes back at a time, no larger than a share may be."""
    numbers: list[int] = []
    parcel = objects = size = 0
    for share in wave:
        more = sum(one.ref.size for one in share)
        if objects and (objects + len(share) > sizes.share_objects or size + more > sizes.share_bytes):
            parcel, objects, size = parcel + 1, 0, 0
        numbers.append(parcel)
        objects, size = objects + len(share), size + more
    return tuple(numbers)

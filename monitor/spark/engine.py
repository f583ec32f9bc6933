"""Reads and digests on Spark: the objects' list is distributed, and what they give adds up in a tree.

driver:    shares ─▶ waves ─▶ tasks ─────────┐                      ┌─▶ a transaction a share
executors:            read, decode, digest ◀─┘─▶ sum ─▶ sum ─▶ … ───┘
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from monitor.digest import Recipe
from monitor.hooks.process import HookError
from monitor.ingest import FOLD_OBJECTS, Digested, Fold, Found, Work, digested
from monitor.spark import plan
from monitor.spark.partial import Partial, added, partial_of, shared
from monitor.spark.plan import ORDINARY, Sizes, Task
from monitor.transforms import Transforms
from objects import FolderObjects, Place, PlaceError, PlaceProblem, S3Client, open_place, s3_client

if TYPE_CHECKING:
    from pyspark import RDD, SparkContext


class SparkError(Exception):
    """Spark can't be used, or gave up: one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A `Work` as it travels: addresses and names in place of clients, and never a credential.

    Executors read with the credentials that their own surroundings give them.
    """

    uri: str
    role: str | None
    region: str | None
    recipe: Recipe
    now: datetime
    limit_bytes: int
    batch: bool

    def work(self) -> Work:
        """The work, with clients of the process that does it."""
        place = _place(self.uri, self.role, self.region)
        follows = Transforms(place, lambda uri: _place(uri, self.role, self.region)) if self.batch else None
        return Work(place, self.recipe, self.now, self.limit_bytes, follows, self.role)


@lru_cache(maxsize=64)
def _place(uri: str, role: str | None, region: str | None) -> Place:
    return open_place(uri, lambda: _client(role, region))


@lru_cache(maxsize=16)
def _client(role: str | None, region: str | None) -> S3Client:
    return s3_client(region, role)


@dataclass(frozen=True, slots=True)
class Refused:
    """What an owner has to mend before a share can be read, told by an executor."""

    sentence: str
    place: PlaceProblem | None

    def error(self) -> PlaceError | HookError:
        """The same as an error, in the driver."""
        return HookError(self.sentence) if self.place is None else PlaceError(self.place, self.sentence)


Outcome = Partial | Refused
Numbered = tuple[int, Outcome]
"""An outcome, and its place among its neighbours."""


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Reads and digests on the executors of a Spark context; `region` is where their clients ask."""

    context: SparkContext
    region: str | None = None
    sizes: Sizes = ORDINARY

    def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
        """See `monitor.ingest.Engine`; in a part's shares one profile stands for many objects."""
        remote = self._remote(work)
        for wave in self._waves(new):
            refused: list[Refused] = []
            fold: list[Digested] = []
            for outcome in self._wave(remote, wave):
                if isinstance(outcome, Refused):
                    refused.append(outcome)
                    continue
                fold.extend(shared(outcome))
                if len(fold) >= FOLD_OBJECTS:  # small shares are counted together
                    yield tuple(fold)
                    fold.clear()
            if fold:
                yield tuple(fold)
            if refused:  # the other shares of the wave are counted by now
                raise refused[0].error()

    def _waves(self, new: Iterable[Found]) -> Iterator[tuple[plan.Share, ...]]:
        return plan.waves(plan.shares(new, self.sizes), self.context.defaultParallelism, self.sizes)

    def _remote(self, work: Work) -> Remote:
        uri, here = work.place.uri, work.place.objects
        if isinstance(here, FolderObjects):
            if not str(self.context.master).startswith("local"):
                raise SparkError(
                    f"the captures lie in {here.bucket}, a folder of this machine, and Spark's executors run "
                    "on others: give an s3:// address, or run Spark with the master local[*]"
                )
            if not uri.startswith("file:"):  # a path, which would be another from another folder
                uri = str(here.root.absolute())
        return Remote(
            uri, work.role, self.region, work.recipe, work.now, work.limit_bytes, work.batch is not None
        )

    def _wave(self, remote: Remote, wave: Sequence[plan.Share]) -> Iterator[Outcome]:
        """The outcome of each share; one parcel of them is in the driver's memory at a time."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            for _, outcome in self._summed(remote, wave).toLocalIterator():
                yield outcome
        except (Py4JError, PySparkException) as error:
            # what it says in its own words may hold captured values
            raise SparkError(
                f"Spark gave up on {remote.uri} ({type(error).__name__}): look into its executors' logs; "
                "they must have this version of Kedge installed; what was counted before stays counted"
            ) from error

    def _summed(self, remote: Remote, wave: Sequence[plan.Share]) -> RDD[tuple[int, Outcome]]:
        """Each share's outcome, a partition a parcel: tasks are digested, neighbours are summed."""
        tasks = plan.tasks(wave, self.sizes)
        cores = self.context.defaultParallelism
        spread = self.context.parallelize(tasks, min(len(tasks), cores * self.sizes.tasks_per_core))
        numbered: RDD[tuple[tuple[int, int], Outcome]] = spread.map(partial(_outcome, remote))
        width = 1 + max(task.position for task in tasks)
        while width > 1:
            # neighbours alone are summed, in their order: equal objects give equal sums, whoever is quicker
            groups = numbered.map(partial(_into_group, self.sizes.fan))
            numbered = groups.groupByKey(min(len(tasks), cores * 2), _spread).map(_sum_of_group)
            width = -(-width // self.sizes.fan)
        parcels = plan.parcels(wave, self.sizes)
        return numbered.map(_of_share).partitionBy(1 + max(parcels), parcels.__getitem__)


def _outcome(remote: Remote, task: Task) -> tuple[tuple[int, int], Outcome]:
    """Digest the objects of a task, where it runs."""
    key = (task.share, task.position)
    try:
        return key, partial_of(digested(remote.work(), task.objects))
    except PlaceError as error:
        return key, Refused(str(error), error.kind)
    except HookError as error:
        return key, Refused(str(error), None)


def _into_group(fan: int, each: tuple[tuple[int, int], Outcome]) -> tuple[tuple[int, int], Numbered]:
    (share, position), outcome = each
    return (share, position // fan), (position, outcome)


def _spread(key: tuple[int, int]) -> int:
    share, position = key
    return share + position


def _sum_of_group(each: tuple[tuple[int, int], Iterable[Numbered]]) -> tuple[tuple[int, int], Outcome]:
    key, group = each
    outcomes = [outcome for _, outcome in sorted(group, key=lambda numbered: numbered[0])]
    refused = next((outcome for outcome in outcomes if isinstance(outcome, Refused)), None)
    return key, refused or added([outcome for outcome in outcomes if isinstance(outcome, Partial)])


def _of_share(each: tuple[tuple[int, int], Outcome]) -> tuple[int, Outcome]:
    (share, _), outcome = each
    return share, outcome

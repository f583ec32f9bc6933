"""Killed at random moments: each call to the outside takes effect once all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from demo.aws import LocalAws
from store.retraining import RunState
from tests.loop.yard import Yard, require_once, yard
from tests.observing.replica import Replica, until
from tests.postgresql import PostgresServer

ROUNDS = int(os.environ.get("KEDGE_SOAK_ROUNDS", "5"))
SEED = int(os.environ.get("KEDGE_SOAK_SEED", "1"))
KILLS = 3
FEWEST_STATES = 4
_ORDER = [
    RunState.REQUESTED,
    RunState.STARTED,
    RunState.TRAINED,
    RunState.WON,
    RunState.REGISTERED,
    RunState.APPROVED,
    RunState.DEPLOYED,
]


@dataclass(slots=True)
class Killer:
    """Kills a replica, or all, some chance moment after the run has come to a state, and starts it again."""

    yard: Yard
    replicas: Sequence[Replica]
    chance: np.random.Generator
    planned: list[RunState]
    hit: list[RunState] = field(default_factory=list)

    def __call__(self) -> None:
        run = self.yard.run()
        if run is None or run.state.is_end or not self.planned:
            return
        if _ORDER.index(run.state) < _ORDER.index(self.planned[0]):
            return
        pause = self.chance.uniform(0, 0.3 if self.chance.random() < 0.5 else 0.03)
        until(lambda: False, pause, pause=0.005)
        doomed = self._chosen()
        for replica in doomed:
            replica.kill()
        found = self.yard.run()
        assert found is not None
        self.hit.append(found.state)
        self.planned = [
            state for state in self.planned[1:] if _ORDER.index(state) > _ORDER.index(found.state)
        ]
        for replica in doomed:
            replica.start()

    def _chosen(self) -> Sequence[Replica]:
        """One of them, or all: each as likely."""
        at = int(self.chance.integers(len(self.replicas) + 1))
        return self.replicas if at == len(self.replicas) else [self.replicas[at]]


def _plans(rounds: int, seed: int) -> Iterator[list[RunState]]:
    """States to kill in, for each round: dealt like cards, so that over the rounds each has its turn."""
    chance, pack = np.random.default_rng(seed), list[int]()
    for _ in range(rounds):
        dealt: set[int] = set()
        while len(dealt) < KILLS:
            pack = pack or chance.permutation(len(_ORDER)).tolist()
            dealt.add(pack.pop())
        yield [_ORDER[at] for at in sorted(dealt)]


def _round(seed: int, planned: list[RunState], folder: Path, database: str, size: int) -> list[RunState]:
    folder.mkdir()
    with (
        LocalAws(update_seconds=0.3) as aws,
        yard(seed, folder, database, aws) as made,
        ExitStack() as running,
    ):
        replicas = [
            running.enter_context(Replica(made.config, made.environment, log=folder / f"{at}.log"))
            for at in range(size)
        ]
        killer = Killer(made, replicas, np.random.default_rng(seed), planned)
        made.play(killer)
        # one that was just started again has not heard yet that it shall end
        assert [replica.ready().stop() for replica in replicas] == [0] * size
        hit = " ".join(killer.hit)
        print(f"seed {seed}, {size} replicas: meant {' '.join(planned)}, killed in {hit}")  # noqa: T201
        require_once(made, [line for replica in replicas for line in replica.lines(whole=True)])
        return killer.hit


def _require_variety(hit: list[RunState], rounds: int) -> None:
    assert len(hit) >= rounds * (KILLS - 1)
    assert len(set(hit)) >= min(FEWEST_STATES, 2 * rounds), hit


@pytest.mark.timeout(180 * ROUNDS)
def test_two_replicas_on_postgresql_killed_at_random_moments(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    hit: list[RunState] = []
    for seed, planned in enumerate(_plans(ROUNDS, SEED), start=SEED):
        database = postgres.migrated_database()
        hit += _round(seed, planned, tmp_path / str(seed), database, size=2)
        postgres.drop(database)
    _require_variety(hit, ROUNDS)


@pytest.mark.long
@pytest.mark.timeout(180 * ROUNDS)
def test_one_on_sqlite_killed_at_random_moments(tmp_path: Path) -> None:
    rounds = max(1, ROUNDS // 5)
    hit: list[RunState] = []
    for seed, planned in enumerate(_plans(rounds, SEED), start=SEED):
        folder = tmp_path / str(seed)
        hit += _round(seed, planned, folder, f"sqlite:///{folder}/kedge.db", size=1)
    _require_variety(hit, rounds)

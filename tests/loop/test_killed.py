"""Killed at random moments: each call to the outside takes effect once all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from demo.aws import LocalAws
from store.retraining import RunState
from tests.loop.yard import Yard, require_once, yard
from tests.observing.replica import Replica, until

ROUNDS = int(os.environ.get("KEDGE_SOAK_ROUNDS", "5"))
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
    """Kills the service some chance moment after the run has come to a state, and starts it again."""

    yard: Yard
    replica: Replica
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
        self.replica.kill()
        found = self.yard.run()
        assert found is not None
        self.hit.append(found.state)
        self.planned = [
            state for state in self.planned[1:] if _ORDER.index(state) > _ORDER.index(found.state)
        ]
        self.replica.start()


def _plans(rounds: int, seed: int) -> Iterator[list[RunState]]:
    """States to kill in, for each round: dealt like cards, so that over the rounds each has its turn."""
    chance, pack = np.random.default_rng(seed), list[int]()
    for _ in range(rounds):
        dealt: set[int] = set()
        while len(dealt) < KILLS:
            pack = pack or chance.permutation(len(_ORDER)).tolist()
            dealt.add(pack.pop())
        yield [_ORDER[at] for at in sorted(dealt)]


def _round(seed: int, planned: list[RunState], folder: Path, database: str) -> list[RunState]:
    with LocalAws(update_seconds=0.3) as aws, yard(seed, folder, database, aws) as made:
        with Replica(made.config, made.environment, log=folder / "serve.log") as replica:
            killer = Killer(made, replica, np.random.default_rng(seed), planned)
            made.play(killer)
            assert replica.stop() == 0
        print(f"seed {seed}: meant {' '.join(planned)}, killed in {' '.join(killer.hit)}")  # noqa: T201
        require_once(made, replica.lines(whole=True))
        return killer.hit


@pytest.mark.timeout(180 * ROUNDS)
def test_killed_at_random_moments(tmp_path: Path) -> None:
    first = int(os.environ.get("KEDGE_SOAK_SEED", "1"))
    hit: list[RunState] = []
    for seed, planned in enumerate(_plans(ROUNDS, first), start=first):
        folder = tmp_path / str(seed)
        folder.mkdir()
        hit += _round(seed, planned, folder, f"sqlite:///{folder}/kedge.db")
    assert len(hit) >= ROUNDS * (KILLS - 1)
    assert len(set(hit)) >= min(FEWEST_STATES, 2 * ROUNDS), hit

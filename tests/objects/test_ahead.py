"""Work that is done ahead of who looks at it: in order, bounded, and given up where nobody looks any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects import FolderObjects
from objects.ahead import Bounds, ahead, read_ahead


class Scale:
    """What is begun and was not looked at to its end yet, weighed; work on even pieces ends last."""

    def __init__(self) -> None:
        self.held = self.most = self.pieces = self.most_pieces = 0
        self._lock = threading.Lock()

    def work(self, weight: int) -> int:
        with self._lock:
            self.held += weight
            self.pieces += 1
            self.most = max(self.most, self.held)
            self.most_pieces = max(self.most_pieces, self.pieces)
        time.sleep(0.001 if weight % 2 == 0 else 0)
        return weight

    def looked_at(self, weight: int) -> None:
        with self._lock:
            self.held -= weight
            self.pieces -= 1


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 5), st.integers(1, 60))
def test_the_order_is_kept_and_so_are_the_bounds(weights: list[int], pieces: int, bound: int) -> None:
    scale, seen = Scale(), []
    for weight in ahead(scale.work, weights, Bounds(pieces, bound), lambda weight: weight):
        seen.append(weight)
        scale.looked_at(weight)
    assert seen == weights
    assert scale.most_pieces <= pieces + 1
    assert scale.most <= max([bound, *weights])


def test_many_are_under_way_at_once() -> None:
    together = threading.Barrier(8, timeout=20)
    assert list(ahead(lambda _: together.wait() >= 0, range(8), Bounds(8))) == [True] * 8


def test_what_fails_fails_in_its_place_and_what_was_not_begun_never_is() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("the third")
        return number

    numbers = ahead(work, count(), Bounds(4))
    assert [next(numbers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(numbers)
    assert max(begun) <= 8


def test_who_looks_away_stops_it() -> None:
    begun, others = list[int](), threading.active_count()

    def work(number: int) -> int:
        begun.append(number)
        return number

    with closing(ahead(work, count(), Bounds(3))) as numbers:
        assert next(numbers) == 0
    so_far = len(begun)
    assert so_far <= 5
    assert threading.active_count() < others + 20
    time.sleep(0.05)
    assert len(begun) == so_far


class Stored(FolderObjects):
    """Objects of these sizes that know how much of them is held: what was read and not given back."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.scale = Scale()

    def read(self, key: str) -> bytes:
        self.scale.work(self.sizes[key])
        return bytes(self.sizes[key])


def test_objects_of_unknown_size_are_bounded_by_the_heaviest_so_far() -> None:
    stored = Stored({f"{at:03}": 1000 for at in range(50)})
    for key, data in read_ahead(stored, stored.sizes, Bounds(16, 5000)):
        assert len(data) == stored.sizes[key]
        stored.scale.looked_at(len(data))
    assert 1000 < stored.scale.most <= 5000


def test_a_fault_of_the_items_is_no_end_of_them() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the listing broke off")

    with pytest.raises(OSError, match="broke off"):
        list(ahead(lambda item: item, items(), Bounds(2)))

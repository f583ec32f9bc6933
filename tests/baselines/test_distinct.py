"""Distinct texts: exact up to a bound, then within HyperLogLog's error, and the same on every machine."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.profile.categories import BOUND, Categories, count_texts
from baselines.profile.distinct import Registers
from baselines.profile.hashing import hash_texts


def texts(*values: str) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def numbered(start: int, stop: int) -> pl.Series:
    return pl.Series([f"value-{i}" for i in range(start, stop)], dtype=pl.String)


def test_texts_are_counted_and_missing_ones_are_not() -> None:
    counted = count_texts(pl.Series(["M", None, "F", "M", ""], dtype=pl.String))
    assert counted.rows() == [("M", 2), ("F", 1), ("", 1)]


def test_categories_rank_by_count_then_by_text() -> None:
    assert Categories({"b": 1, "a": 1, "c": 5}).ranked() == [("c", 5), ("a", 1), ("b", 1)]


def test_categories_add_up() -> None:
    both = Categories({"M": 2, "F": 1}) + Categories({"F": 3, "I": 1})
    assert both == Categories({"M": 2, "F": 4, "I": 1})


def test_beyond_the_bound_none_are_kept_for_ever() -> None:
    full = Categories({str(i): 1 for i in range(BOUND)})
    assert not Categories.bounded(full.counts).overflowed
    over = full + Categories({"one more": 1})
    assert over == Categories(overflowed=True)
    assert over + Categories({"M": 1}) == over
    assert Categories({"M": 1}) + over == over


def test_listed_texts_are_counted_beyond_the_bound_too() -> None:
    full = Categories({str(i): 1 for i in range(BOUND)}, listed={"M": 0, "7": 1})
    over = full + Categories({"M": 3, "one more": 1}, listed={"M": 3, "7": 0})
    assert (over.overflowed, over.counts, over.listed) == (True, {}, {"7": 1, "M": 3})
    assert (over + Categories({"M": 2, "F": 1})).listed == {"7": 1, "M": 5}
    assert (over + over).listed == {"7": 2, "M": 6}
    assert over + Categories() == over


def test_a_text_that_was_not_listed_all_along_has_no_count() -> None:
    over = Categories(overflowed=True, listed={"M": 2, "F": 1})
    assert (over + Categories(overflowed=True, listed={"M": 1})).listed == {"M": 3}
    assert (over + Categories(overflowed=True)).listed == {}


def test_hashes_are_those_of_every_machine_and_version() -> None:
    hashes = hash_texts(texts("", "a", "abcdefgh", "abcdefghi", "é", "x" * 257))
    assert [f"{value:016x}" for value in hashes.tolist()] == [
        "e220a8397b1dcdaf",
        "dc87e811157dd705",
        "16ac84b852d55a4b",
        "ca8deaad6f10c6f1",
        "eceb45d860aec93e",
        "76c3513e21d32a54",
    ]


@given(st.lists(st.text(max_size=40)))
def test_a_hash_depends_on_its_text_alone(values: list[str]) -> None:
    together = hash_texts(texts(*values)).tolist()
    assert together == [hash_texts(texts(value))[0] for value in values]
    assert len(set(together)) == len(set(values))


def test_texts_that_pad_alike_hash_differently() -> None:
    alike = texts("", "\0", "\0\0", "\0" * 8, "\0" * 9, "a", "a\0", "a" * 256, "a" * 257)
    assert len(set(hash_texts(alike).tolist())) == len(alike)


def test_hashes_spread_over_all_bits() -> None:
    bits = np.unpackbits(hash_texts(numbered(0, 20_000)).view(np.uint8)).reshape(-1, 64)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02


@pytest.mark.parametrize("n", [0, 1, 10, 1000, 5000, 20_000, 100_000])
def test_estimates_are_within_five_standard_errors(n: int) -> None:
    assert Registers.of(numbered(0, n)).estimate() == pytest.approx(n, rel=5 * 1.04 / 64, abs=0.5)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_the_union_of_registers_is_the_registers_of_the_union(start: int, middle: int, stop: int) -> None:
    one, other = numbered(0, max(start, middle)), numbered(min(start, middle), stop)
    assert Registers.of(one) + Registers.of(other) == Registers.of(pl.concat([one, other]))


def test_repeated_texts_change_nothing() -> None:
    once = numbered(0, 500)
    assert Registers.of(pl.concat([once, once, once])) == Registers.of(once)

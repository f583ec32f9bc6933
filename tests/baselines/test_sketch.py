"""The sketch is deequ's, item by item, and keeps its promises about ranks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines.profile.kll import Sketch, capacity
from tests.golden import oracle

Floats = NDArray[np.float64]


def random(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=n)


def levels(sketch: Sketch) -> list[list[float]]:
    return [level.tolist() for level in sketch.levels]


def worst_rank_error(sketch: Sketch, values: Floats) -> float:
    points = np.quantile(values, np.linspace(0, 1, 101))
    true = np.searchsorted(np.sort(values), points, side="right") / values.size
    return float(np.max(np.abs(sketch.cdf(points) - true)))


def test_the_levels_shrink_from_2050() -> None:
    assert [capacity(height) for height in range(4)] == [2050, 1314, 842, 540]


@pytest.mark.parametrize("n", [0, 1, 2049, 2050, 2051, 3364, 3365, 5000, 40_000])
def test_items_lie_where_deequ_puts_them(n: int) -> None:
    values = random(n)
    wanted = oracle.Sketch()
    for value in values.tolist():
        wanted.update(value)
    sketch = Sketch.of(values)
    assert levels(sketch) == wanted.levels
    assert list(sketch.compactions) == wanted.compactions


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 12_000), st.lists(st.integers(0, 12_000), max_size=4))
def test_a_stream_in_parts_is_the_stream(n: int, cuts: list[int]) -> None:
    values = random(n)
    sketch = Sketch.empty()
    for part in np.split(values, sorted(min(cut, n) for cut in cuts)):
        sketch = sketch.extend(part)
    assert sketch == Sketch.of(values)


def test_up_to_2050_values_are_all_kept_in_their_order() -> None:
    values = random(2050)
    assert levels(Sketch.of(values)) == [values.tolist()]


def test_a_sketch_is_a_value() -> None:
    sketch = Sketch.of(random(3000))
    before = levels(sketch)
    sketch.extend(random(5000, seed=1))
    sketch.merge(Sketch.of(random(9000, seed=2)))
    assert levels(sketch) == before


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=6), st.integers(0, 2**32))
def test_merged_sketches_keep_the_weight_and_the_ranks(sizes: list[int], seed: int) -> None:
    parts = [random(size, seed + i) + i for i, size in enumerate(sizes)]
    merged = Sketch.empty()
    for part in parts:
        merged = merged.merge(Sketch.of(part))
    values = np.concatenate(parts)
    assert merged.count == values.size
    if values.size:
        assert worst_rank_error(merged, values) <= 0.005


def test_a_long_stream_keeps_its_ranks_in_little_room() -> None:
    values = random(500_000)
    sketch = Sketch.of(values)
    assert sum(level.size for level in sketch.levels) < 6000
    assert sketch.count == 500_000
    assert worst_rank_error(sketch, values) <= 0.005


MILLION = 1_000_000
SHAPES: dict[str, Callable[[np.random.Generator], Floats]] = {
    "sorted": lambda drawn: np.sort(drawn.normal(size=MILLION)),
    "falling": lambda drawn: np.sort(drawn.normal(size=MILLION))[::-1],
    "constant": lambda drawn: np.full(MILLION, 7.0),
    "bimodal": lambda drawn: np.concatenate(
        [drawn.normal(0, 1, MILLION // 2), drawn.normal(50, 0.1, MILLION // 2)]
    ),
    "heavy-tailed": lambda drawn: drawn.standard_cauchy(MILLION),
    "zigzag": lambda drawn: np.arange(float(MILLION)) * np.resize([1.0, -1.0], MILLION),
    "few values": lambda drawn: drawn.integers(0, 3, MILLION).astype(np.float64),
}


@pytest.mark.parametrize("parts", [1, 24, 1000])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_million_values_of_any_order_keep_their_ranks(shape: str, parts: int) -> None:
    values = SHAPES[shape](np.random.default_rng(11))
    merged = Sketch.empty()
    for part in np.array_split(values, parts):
        merged = merged.merge(Sketch.of(part))
    assert merged.count == MILLION
    assert worst_rank_error(merged, values) < 0.005


def test_an_empty_sketch_is_the_zero_of_merging() -> None:
    sketch = Sketch.of(random(5000))
    assert sketch.merge(Sketch.empty()) == sketch
    assert Sketch.empty().merge(sketch) == sketch
    assert Sketch.empty().count == 0


def test_items_come_sorted_with_their_weights() -> None:
    sketch = Sketch((np.array([3.0, 1.0]), np.array([2.0])), (1, 0))
    values, weights = sketch.items()
    assert values.tolist() == [1.0, 2.0, 3.0]
    assert weights.tolist() == [1, 2, 1]
    assert sketch.count == 4


def test_cdf_and_quantiles_by_hand() -> None:
    sketch = Sketch((np.array([3.0, 1.0]), np.array([2.0])), (1, 0))
    assert sketch.cdf([0.0, 1.0, 1.5, 2.0, 3.0]).tolist() == [0.0, 0.25, 0.25, 0.75, 1.0]
    assert sketch.quantiles([0.0, 0.25, 0.5, 0.75, 1.0]).tolist() == [1.0, 1.0, 2.0, 2.0, 3.0]


def test_an_empty_sketch_has_no_quantiles() -> None:
    assert Sketch.empty().cdf([0.0]).tolist() == [0.0]
    assert np.isnan(Sketch.empty().quantiles([0.5])).all()


def test_a_value_on_a_boundary_is_in_the_upper_bucket_and_the_maximum_in_the_last() -> None:
    sketch = Sketch.of(np.array([0.0, 1.0, 1.0, 5.0, 10.0]))
    counts = [bucket.count for bucket in sketch.buckets(0.0, 10.0)]
    assert counts == [1.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def test_equal_values_are_all_in_the_last_bucket() -> None:
    buckets = Sketch.of(np.full(7, 3.0)).buckets(3.0, 3.0)
    assert [bucket.count for bucket in buckets] == [0.0] * 9 + [7.0]


@pytest.mark.parametrize(
    "name", ["boston/baseline1", "boston/baseline2", "cookbook/baseline", "cookbook/monitor"]
)
def test_the_buckets_of_real_files_follow_from_their_sketches(golden: Path, name: str) -> None:
    file = golden / "model-monitor" / f"{name}_statistics.json"
    for feature in json.loads(file.read_text())["features"]:
        statistics = feature["numerical_statistics"]
        kll = statistics["distribution"]["kll"]
        arrays = tuple(np.array(level) for level in kll["sketch"]["data"])
        found = Sketch(arrays, (0,) * len(arrays)).buckets(statistics["min"], statistics["max"])
        wanted = [(each["lower_bound"], each["upper_bound"], each["count"]) for each in kll["buckets"]]
        assert [(each.lower, each.upper, each.count) for each in found] == wanted, feature["name"]


def test_the_real_sketch_of_several_levels_is_what_its_size_makes_of_it(golden: Path) -> None:
    file = golden / "model-monitor" / "cookbook" / "baseline_statistics.json"
    for feature in json.loads(file.read_text())["features"]:
        data = feature["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"]
        ours = Sketch.of(np.arange(3000.0))
        assert [len(level) for level in data] == [level.size for level in ours.levels]

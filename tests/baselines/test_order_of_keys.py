"""The columns of JSON Lines keep the order of their keys: captured CSV is matched to them by position."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.create import create
from baselines.datasets import DatasetFormat

RECORDS = st.lists(
    st.dictionaries(st.sampled_from([f"column {i}" for i in range(90)]), st.integers(0, 9), min_size=1),
    min_size=1,
    max_size=5,
)


def columns_of(records: list[dict[str, int]]) -> list[str]:
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    profile, constraints = create(data, format=DatasetFormat.JSON_LINES)
    assert [feature.name for feature in constraints.features] == list(profile.columns)
    return list(profile.columns)


@pytest.mark.parametrize("count", [3, 32, 33, 70, 400])
def test_however_many_columns_there_are(count: int) -> None:
    record = {f"_c{i}": i for i in range(count)}
    assert columns_of([record, dict(reversed(record.items()))]) == list(record)


@given(RECORDS)
def test_keys_come_in_the_order_in_which_they_first_occur(records: list[dict[str, int]]) -> None:
    expected = list(dict.fromkeys(key for record in records for key in record))
    assert columns_of(records) == expected


def test_blank_lines_are_no_records() -> None:
    data = b'\n{"b": 1, "a": 2}\n\n  \n{"a": 3, "c": 4}\n'
    profile, _ = create(data, format=DatasetFormat.JSON_LINES)
    assert list(profile.columns) == ["b", "a", "c"]
    assert profile.rows == 2

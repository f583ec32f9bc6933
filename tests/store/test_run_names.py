"""What runs are called: names that SageMaker takes, of one run each."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.runs import name_of

ENDPOINT = st.from_regex(r"[a-zA-Z0-9](-{0,2}[a-zA-Z0-9]){0,62}", fullmatch=True).filter(
    lambda n: len(n) <= 63
)
TAKEN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # of CreateModel and CreateEndpointConfig
NUMBER = st.integers(1, 10_000)


@given(ENDPOINT, NUMBER)
def test_a_name_is_one_that_sagemaker_takes(endpoint: str, number: int) -> None:
    name = name_of(endpoint, number)
    assert len(f"{name}-train") <= 63
    assert TAKEN.fullmatch(name)
    assert name.startswith("kedge-")
    assert name.endswith(f"-{number}")


def test_a_short_endpoint_is_named_whole() -> None:
    assert name_of("a" * 48, 7) == f"kedge-{'a' * 48}-7"


@pytest.mark.parametrize("number", [1, 10, 100])
def test_endpoints_that_begin_alike_have_runs_of_their_own(number: int) -> None:
    alike = ["x" * 62 + last for last in "abcdef"]
    assert len({name_of(endpoint, number) for endpoint in alike}) == len(alike)


@given(ENDPOINT, NUMBER, NUMBER)
def test_each_run_has_its_own(endpoint: str, one: int, other: int) -> None:
    assert (name_of(endpoint, one) == name_of(endpoint, other)) == (one == other)

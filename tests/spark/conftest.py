"""A real Spark on this machine, for a test session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from monitor.spark import session
from tests.observing.conftest import watch

if TYPE_CHECKING:
    from pyspark import SparkContext

__all__ = ["watch"]

LOCAL = (
    "--master local[2] --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "
    "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.memory=512m pyspark-shell"
)
"""How PYSPARK_SUBMIT_ARGS asks for two cores of this machine, and for nothing that listens beyond it."""


@pytest.fixture(scope="session")
def java() -> None:
    """PySpark and a Java, which are looked for as `kedge run --engine spark` looks for them."""
    if (what := session.missing(os.environ)) is not None:
        pytest.skip(f"Spark: {what}")


@pytest.fixture(scope="session")
def spark(java: None) -> Iterator[SparkContext]:
    """A Spark of two cores; its workers see no AWS but what a test names in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", LOCAL)
        with session.spark(os.environ, "kedge-tests") as context:
            yield context

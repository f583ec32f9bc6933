"""A Spark context for the time of a command: the one that spark-submit opened, or a local one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.spark.engine import SparkError

if TYPE_CHECKING:
    from pyspark import SparkContext

JAVA = "install Java 17 (Debian: openjdk-17-jre-headless) or set JAVA_HOME"
_ALONE = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""On this machine alone nothing listens beyond loopback."""


def missing(environ: Mapping[str, str]) -> str | None:
    """What is missing to run Spark on this machine, and how to get it; None where it can run."""
    from importlib.util import find_spec

    if find_spec("pyspark") is None:
        return "PySpark is not installed: pip install 'kedge[spark]'"
    if "PYSPARK_GATEWAY_PORT" in environ:  # spark-submit runs this process: its Java runs already
        return None
    home = environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else None
    if java is not None and not os.access(java, os.X_OK):
        return f"there is no Java at JAVA_HOME, {home}: {JAVA}"
    return None if java or shutil.which("java", path=environ.get("PATH")) else f"there is no Java: {JAVA}"


@contextmanager
def spark(environ: Mapping[str, str], name: str = "kedge") -> Iterator[SparkContext]:
    """A Spark context: spark-submit's, one by PYSPARK_SUBMIT_ARGS, or one on all cores of this machine.

    One that is open in this process already is taken, and left open.

    Raises:
        SparkError: where there can be none.
    """
    if (what := missing(environ)) is not None:
        raise SparkError(f"the engine spark can't run here: {what}")
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException

    opened = SparkContext._active_spark_context  # it has no public name
    if opened is not None:
        yield opened
        return
    conf = SparkConf().setAppName(name)
    if not {"PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS"} & environ.keys():
        conf.setAll(list(_ALONE.items()))
    # an executor has a process for each core: threads beyond that would only wait for one another
    conf.setIfMissing("spark.executorEnv.POLARS_MAX_THREADS", "1")
    try:
        context = SparkContext.getOrCreate(conf)
    except (Py4JError, PySparkException) as error:
        raise SparkError(
            f"Spark did not start ({type(error).__name__}): it says why above; PySpark 4 wants Java 17 or 21"
        ) from error
    context.setLogLevel("ERROR")
    if str(context.master).startswith("local") and "PYSPARK_PYTHON" not in environ:
        context.pythonExec = sys.executable  # where Kedge is installed: PATH may name another first
    try:
        yield context
    finally:
        context.stop()

"""TFDV: statistics of the current records, and validate_statistics with a drift comparator on each column.

Like Kedge's baseline, the reference's statistics and schema are made beforehand (`prepare`) and not timed.
One job: with two, TFDV spends its time on starting TensorFlow a second time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import tensorflow_data_validation as tfdv

from benchmarks.peers.captured import frame


def prepare(reference: Path) -> None:
    """Write the reference's statistics and schema."""
    rows = pd.read_csv(reference / "training.csv")
    statistics = tfdv.generate_statistics_from_dataframe(rows, n_jobs=1)
    schema = tfdv.infer_schema(statistics)
    for name in rows.columns:
        tfdv.get_feature(schema, name).drift_comparator.jensen_shannon_divergence.threshold = 0.1
    tfdv.write_stats_text(statistics, str(reference / "tfdv.statistics"))
    tfdv.write_schema_text(schema, str(reference / "tfdv.schema"))


def main(capture: Path, reference: Path) -> None:
    """Print how many records were read and how many columns have anomalies."""
    names = list(pd.read_csv(reference / "training.csv", nrows=0).columns)
    current = frame(capture, names)
    statistics = tfdv.generate_statistics_from_dataframe(current, n_jobs=1)
    found = tfdv.validate_statistics(
        statistics,
        tfdv.load_schema_text(str(reference / "tfdv.schema")),
        previous_statistics=tfdv.load_stats_text(str(reference / "tfdv.statistics")),
    )
    print(f"records={len(current)} anomalies={len(found.anomaly_info)}")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))

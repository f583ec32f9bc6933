"""NannyML: univariate drift by Kolmogorov-Smirnov, Jensen-Shannon and Wasserstein, all records one chunk."""

from __future__ import annotations

import sys
from pathlib import Path

import nannyml
import pandas as pd

from benchmarks.peers.captured import frame


def main(capture: Path, reference: Path) -> None:
    """Print how many records were read and how many values the result has."""
    rows = pd.read_csv(reference / "training.csv")
    current = frame(capture, list(rows.columns))
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(rows.columns),
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        chunk_number=1,
    )
    result = calculator.fit(rows).calculate(current).filter(period="analysis").to_df()
    print(f"records={len(current)} values={result.size}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

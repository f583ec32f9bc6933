"""Evidently: DataDriftPreset with its own choice of tests, current against the reference's rows; no HTML."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

from benchmarks.peers.captured import frame


def main(capture: Path, reference: Path) -> None:
    """Print how many records were read and what the report holds."""
    rows = pd.read_csv(reference / "training.csv")
    current = frame(capture, list(rows.columns))
    result = Report([DataDriftPreset()]).run(current, rows).dict()
    print(f"records={len(current)} metrics={len(result['metrics'])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

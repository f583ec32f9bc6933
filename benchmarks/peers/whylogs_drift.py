"""whylogs: a profile of the current records, and drift scores against the reference's profile.

Like Kedge's baseline, the reference's profile is made beforehand (`prepare`) and not timed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import whylogs
from whylogs.core import DatasetProfileView
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from benchmarks.peers.captured import frame


def prepare(reference: Path) -> None:
    """Write the reference's profile."""
    rows = pd.read_csv(reference / "training.csv")
    whylogs.log(rows).profile().view().write(str(reference / "whylogs.bin"))


def main(capture: Path, reference: Path) -> None:
    """Print how many records were read and of how many columns there is a score."""
    names = list(pd.read_csv(reference / "training.csv", nrows=0).columns)
    current = frame(capture, names)
    view = whylogs.log(current).profile().view()
    known = DatasetProfileView.read(str(reference / "whylogs.bin"))
    scores = calculate_drift_scores(view, known, with_thresholds=True)
    print(f"records={len(current)} scores={sum(score is not None for score in scores.values())}")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))

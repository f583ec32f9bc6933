"""One evaluation of a model's quality, from its answers and the labels to the three files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from baselines.quality import constraints as constraints_file
from baselines.quality import statistics as statistics_file
from baselines.quality import violations as violations_file
from baselines.quality.constraints import QualityConstraints
from baselines.quality.measures import measure
from baselines.quality.pairs import pairs_of
from baselines.quality.problem import QualityError
from baselines.quality.statistics import QualityStatistics
from baselines.quality.violations import Checked, Violation, check
from config.problem import ProblemType

STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
VIOLATIONS = "constraint_violations.json"


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found: `constraints` are those that this data suggests, `checks` those given, held against it.

    `left_out` records lacked a prediction or a label that could be read.
    """

    statistics: QualityStatistics
    constraints: QualityConstraints
    checks: tuple[Checked, ...]
    left_out: int

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The checks that are violated, as Model Monitor tells them."""
        return tuple(each.violation for each in self.checks if each.violated)

    @property
    def cloudwatch(self) -> dict[str, float]:
        """The values that Model Monitor sends to CloudWatch, by metric name."""
        return self.statistics.cloudwatch

    def files(self) -> dict[str, str]:
        """The texts of the three files, by name."""
        return {
            STATISTICS: statistics_file.write(self.statistics),
            CONSTRAINTS: constraints_file.write(self.constraints),
            VIOLATIONS: violations_file.write(self.violations),
        }


def analyze(
    frame: pl.DataFrame,
    problem: ProblemType,
    *,
    threshold: float = 0.5,
    positive: str | None = None,
    constraints: QualityConstraints | None = None,
    compat: bool = False,
    evaluation_time: datetime | None = None,
    seed: int = 0,
) -> Analysis:
    """Evaluate a model's answers. Pure: the same arguments give the same files.

    Args:
        frame: the columns "label" and "prediction", for two classes also or instead "probability", one row a
            record, of any type; rows that lack a side are left out and counted.
        problem: what the model answers.
        threshold: the probability above which a record is positive where there is no "prediction".
        positive: the positive one of two classes; without it, 1 (or true) of 0 and 1.
        constraints: what to hold the metrics against; None holds them against nothing.
        compat: whether to keep silent where Model Monitor does.
        evaluation_time: what to write as such; aware.
        seed: of the samples behind the standard deviations.

    Raises:
        QualityError: where columns are missing, no record has both sides, classes don't fit the problem type,
            or the constraints are of another one.
    """
    pairs = pairs_of(frame, problem, threshold=threshold, positive=positive)
    if not pairs.size:
        raise QualityError(
            f"none of the {frame.height} records has both an answer and a label that can be read: "
            "look at the columns that were named"
        )
    quality = measure(pairs, problem, seed=seed)
    return Analysis(
        statistics=QualityStatistics(quality, pairs.size, evaluation_time),
        constraints=constraints_file.suggest(quality),
        checks=() if constraints is None else check(quality, constraints, compat=compat),
        left_out=pairs.left_out,
    )

"""Overrides of one feature change its verdict, and no other's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from baselines import constraints
from baselines.checks.names import Check
from baselines.profile import profile_frame
from config.distance import Distance
from monitor.judge import judge
from store.records import Outcome


def table(shift: float, *, sexes: str = "MF", words: int = 0) -> pl.DataFrame:
    """Two columns of the same numbers, the first `words` of them texts, and two of the same sexes."""
    numbers = [str(round(at / 500 + shift, 6)) if at >= words else "tall" for at in range(500)]
    texts = [sexes[at % len(sexes)] for at in np.arange(500)]
    return pl.DataFrame({"a": numbers, "b": numbers, "s": texts, "t": texts})


BASELINE = profile_frame(table(0), text=["s", "t"])
SUGGESTED = constraints.write(constraints.suggest(BASELINE))


def outcomes(current: pl.DataFrame, place: str, name: str, override: dict[str, Any]) -> dict[str, set[str]]:
    """Which checks are violated, by feature, where the features a and s have an override."""
    document = json.loads(SUGGESTED)
    for feature in document["features"]:
        if feature["name"] in ("a", "s"):
            (feature.setdefault(place, {}) if place else feature)[name] = override
    read = constraints.read(json.dumps(document), "constraints.json")
    found: dict[str, set[str]] = {each: set() for each in "abst"}
    for check in judge(profile_frame(current, text=["s", "t"]), BASELINE, read, Distance.CORRECT).checks:
        if check.outcome is Outcome.VIOLATED:
            found[check.feature].add(check.check)
    return found


PLACES = [
    (place, name)
    for place in ("", "string_constraints", "num_constraints")
    for name in ("monitoringConfigOverrides", "monitoring_config_overrides")
]
DRIFT = {Check.DRIFT.value}
BOTH = {Check.DRIFT.value, Check.DOMAIN.value}


@pytest.mark.parametrize(("place", "name"), PLACES)
@pytest.mark.parametrize(
    "override",
    [
        {"evaluate_constraints": "Disabled"},
        {
            "domain_content_threshold": 0.5,
            "distribution_constraints": {"comparison_threshold": 0.9},
        },
        {"domain_content_threshold": "0.5", "distribution_constraints": {"perform_comparison": "disabled"}},
        {"distribution_constraints": {"min_domain_mass": 0.5, "enable_comparisons": False}},
    ],
)
def test_the_features_with_an_override_are_quiet_and_the_others_are_not(
    place: str, name: str, override: dict[str, Any]
) -> None:
    found = outcomes(table(0.4, sexes="MFI"), place, name, override)
    assert found == {"a": set(), "b": DRIFT, "s": set(), "t": BOTH}


@pytest.mark.parametrize("share", [0.98, 0.9])
def test_a_share_of_texts_among_numbers_is_let_pass_where_an_override_says_so(share: float) -> None:
    current = table(0, words=5)
    found = outcomes(current, "", "monitoringConfigOverrides", {"datatype_check_threshold": share})
    assert (found["a"], found["b"]) == (set(), {Check.DATA_TYPE.value})


@pytest.mark.parametrize("spelling", ["simple", "LINF_SIMPLE", "Simple"])
def test_a_method_of_ones_own_is_taken_in_any_spelling(spelling: str) -> None:
    """A distance of 0.15 is beyond 0.1, and not when what chance explains of 500 rows is taken off."""
    override = {"distribution_constraints": {"comparison_method": spelling}}
    found = outcomes(table(0.15), "", "monitoring_config_overrides", override)
    assert (found["a"], found["b"]) == (DRIFT, set())

"""Baseline files that say something else of one feature."""

from __future__ import annotations

import json

from baselines.amended import with_feature, without_distribution


def test_one_features_entry_is_taken_over_and_the_others_stay() -> None:
    old = json.dumps({"version": 0, "features": [{"name": "rings", "n": 1}, {"name": "length", "n": 2}]})
    new = json.dumps({"features": [{"name": "rings", "n": 3}, {"name": "length", "n": 4}]})
    assert json.loads(with_feature(old, new, "rings")) == {
        "version": 0,
        "features": [{"name": "rings", "n": 3}, {"name": "length", "n": 2}],
    }


def test_nothing_is_said_of_how_a_feature_is_distributed() -> None:
    common = {"num_present": 5, "num_missing": 0}
    old = {
        "features": [
            {
                "name": "rings",
                "inferred_type": "Fractional",
                "numerical_statistics": {"common": common, "mean": 9.5},
            },
            {"name": "sex", "string_statistics": {"common": common, "distinct_count": 3}},
        ]
    }
    rings, sex = json.loads(without_distribution(json.dumps(old), "rings"))["features"]
    assert rings == {
        "name": "rings",
        "inferred_type": "Fractional",
        "numerical_statistics": {"common": common},
    }
    assert sex == old["features"][1]

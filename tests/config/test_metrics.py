"""What a condition may name: a slip is an error when the file is read, not silence when it matters."""

from __future__ import annotations

import pytest

from baselines.checks.names import Check
from config.expressions import parse
from config.metrics import CHECKS, METRICS, check_acceptance, check_names, check_trigger


@pytest.mark.parametrize(
    "text",
    [
        "rmse > 1.15 * baseline",
        "mae > 2 or r2 < 0.3",
        "drifted_features_share > 0.3 and drifted_features > 2",
        "drift(length) > 0.2",
        "missing(length) > 0.1",
        "violations > 0",
        "violations(completeness_check) > 0",
        "volume < 100",
        "rejected_share > 0.05",
    ],
)
def test_what_there_is_may_be_named(text: str) -> None:
    assert check_names(parse(text)) is None
    assert check_trigger(parse(text)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rsme > 3", "there is no metric 'rsme'; did you mean rmse?"),
        ("RMSE > 3", "there is no metric 'RMSE'; did you mean rmse?"),
        ("Rows > 3", "there is no metric 'Rows'; known here are rmse, mae, r2,"),
        ("violations(DataType) > 0", "there is no check 'DataType'; did you mean data_type_check?"),
        ("rmse > 3 or (volume < 1 and f3 < 0.3)", "there is no metric 'f3'"),
        ("rmse(length) > 3", "write rmse without brackets"),
        ("drift > 0.2", "name it: drift(NAME)"),
        ("missing > 0.2", "name it: missing(NAME)"),
        ("violations(typo) > 0", "there is no check 'typo'; known here are extra_column_check,"),
    ],
)
def test_what_there_is_not_is_said(text: str, said: str) -> None:
    for complaint in (check_names(parse(text)), check_trigger(parse(text)), check_acceptance(parse(text))):
        assert complaint is not None
        assert said in complaint


def test_no_window_is_of_a_data_set() -> None:
    assert "write rmse without brackets" in (check_trigger(parse("rmse(test) > 3")) or "")


def test_no_window_is_held_against_a_champion() -> None:
    assert "write baseline" in (check_trigger(parse("rmse > champion")) or "")


def test_what_has_no_baseline_is_held_against_a_number() -> None:
    said = check_trigger(parse("rmse > 1.15 * baseline or volume < 0.5 * baseline"))
    assert said == "volume has no baseline, only a model's quality has; hold it against a number"


@pytest.mark.parametrize(
    "text",
    [
        "rmse < champion",
        "mae < 0.9 * champion and r2 > 0.4",
        "rmse < 3",
        "rmse < champion and rmse(test) < 1.25 * champion",
        "rmse(fresh) < champion",
    ],
)
def test_a_challenger_is_accepted_by_its_quality(text: str) -> None:
    assert check_acceptance(parse(text)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drift(length) < 0.1", "write a condition on rmse, mae, r2"),
        ("rmse < champion and volume > 10", "judged by its quality alone"),
        ("rmse < baseline", "write rmse < champion"),
        ("rmse(training) < champion", "write rmse without brackets"),
        ("volume(test) > 10", "write volume without brackets"),
    ],
)
def test_and_by_nothing_else(text: str, said: str) -> None:
    assert said in (check_acceptance(parse(text)) or "")


def test_the_checks_are_those_that_are_made() -> None:
    assert set(CHECKS) == set(Check)


def test_every_metric_says_what_it_measures() -> None:
    assert all(metric.measures for metric in METRICS.values())

"""Every check ends in one of five outcomes, in Model Monitor's words where it had any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.checks.completeness import check_completeness
from baselines.checks.domain import check_domain
from baselines.checks.names import Check
from baselines.constraints import (
    CategoricalDriftMethod,
    ConfigOverrides,
    Constraints,
    DistanceMethod,
    FeatureConstraints,
    MonitoringConfig,
)
from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType, TypeCounts
from config.assumptions import Assume, ChiSquaredReading
from config.distance import Distance
from monitor.checks.data_type import check_data_type
from monitor.checks.drift import check_drift
from monitor.judge import Verdict, judge
from store.records import CheckRow, Outcome
from tests.judging.profiles import COLUMNS, CONFIGS, FEATURES, asking, column, numbers, table, texts_of

RNG = np.random.default_rng(7)
NORMAL = RNG.normal(size=3000)
FRACTIONAL = FeatureConstraints("x", DataType.FRACTIONAL)
DEFAULTS = MonitoringConfig()
VALUE_ABOVE = Assume(chi_squared=ChiSquaredReading.VALUE_ABOVE)
SIMPLE = replace(DEFAULTS, comparison_method=DistanceMethod.SIMPLE)


def drift(
    current: ColumnProfile,
    baseline: ColumnProfile,
    config: MonitoringConfig = DEFAULTS,
    mode: Distance = Distance.CORRECT,
) -> CheckRow:
    return check_drift("x", current, baseline, config, mode)


def texts(counts: dict[str, int]) -> ColumnProfile:
    return column([text for text, count in counts.items() for _ in range(count)], text=True)


def with_config(config: MonitoringConfig, **feature: ConfigOverrides) -> Constraints:
    return Constraints(
        tuple(
            FeatureConstraints(name, DataType.FRACTIONAL, overrides=override)
            for name, override in feature.items()
        ),
        monitoring=config,
    )


class TestNoProfileMakesACheckFail:
    @given(COLUMNS, FEATURES, st.floats(0, 1))
    def test_checks_of_values(
        self, current: ColumnProfile, feature: FeatureConstraints, share: float
    ) -> None:
        for row in (
            check_completeness(current, feature),
            check_data_type(current, feature, share),
            check_domain(current, feature, share),
        ):
            assert (row.outcome is Outcome.VIOLATED) == (
                row.value is not None and row.threshold is not None and row.value < row.threshold
            )

    @given(COLUMNS, COLUMNS, CONFIGS, st.sampled_from(Distance))
    def test_drift(
        self, current: ColumnProfile, baseline: ColumnProfile, config: MonitoringConfig, mode: Distance
    ) -> None:
        row = drift(current, baseline, config, mode)
        assert row.outcome is not Outcome.ERROR
        assert row.detail
        if row.outcome in (Outcome.OK, Outcome.VIOLATED):
            assert row.value is not None
            assert row.value >= 0

    @given(
        st.dictionaries(st.sampled_from(["x", "y", "z"]), COLUMNS),
        st.dictionaries(st.sampled_from(["x", "y", "z"]), COLUMNS),
        st.lists(FEATURES, max_size=1),
        CONFIGS,
        st.sampled_from(Distance),
        st.dictionaries(st.integers(0, 5), st.integers(0, 9)),
        st.integers(0, 40),
    )
    def test_a_verdict(
        self,
        current: dict[str, ColumnProfile],
        baseline: dict[str, ColumnProfile],
        features: list[FeatureConstraints],
        config: MonitoringConfig,
        mode: Distance,
        widths: dict[int, int],
        rows: int,
    ) -> None:
        constraints = Constraints((*features, FeatureConstraints("y", DataType.INTEGRAL)), config)
        verdict = judge(Profile(rows, current, widths), Profile(rows, baseline), constraints, mode)
        assert Outcome.ERROR not in {row.outcome for row in verdict.checks}
        assert verdict.checks


class TestDataType:
    @pytest.mark.parametrize(
        ("kind", "values", "outcome"),
        [
            (DataType.INTEGRAL, ["1", "2"], Outcome.OK),
            (DataType.INTEGRAL, ["1", "2.5"], Outcome.VIOLATED),
            (DataType.FRACTIONAL, ["1", "2.5"], Outcome.OK),
            (DataType.FRACTIONAL, ["1", "M"], Outcome.VIOLATED),
            (DataType.FRACTIONAL, ["1", None], Outcome.OK),
            (DataType.STRING, ["1", "M", "true"], Outcome.OK),
            (DataType.UNKNOWN, ["1"], Outcome.NOT_APPLICABLE),
            (DataType.INTEGRAL, [None], Outcome.INSUFFICIENT_DATA),
        ],
    )
    def test_whole_numbers_are_fractional_too_and_anything_is_text(
        self, kind: DataType, values: Sequence[str | None], outcome: Outcome
    ) -> None:
        assert check_data_type(column(values), FeatureConstraints("x", kind), 1.0).outcome is outcome

    def test_a_threshold_below_one_lets_strays_pass(self) -> None:
        current = column([*["1"] * 99, "M"])
        assert check_data_type(current, FRACTIONAL, 0.99).outcome is Outcome.OK
        assert check_data_type(current, FRACTIONAL, 0.991).outcome is Outcome.VIOLATED

    def test_it_is_said_in_model_monitors_words(self) -> None:
        current = column([*["1"] * 287, "1.5"])
        said = check_data_type(current, FeatureConstraints("x", DataType.INTEGRAL), 1.0).detail
        assert said == (
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
            "Observed: Only 99.65277777777779% of data is Integral."
        )


class TestCompleteness:
    def test_where_none_is_asked_for_it_is_not_checked(self) -> None:
        row = check_completeness(column(["1", None]), replace(FRACTIONAL, completeness=None))
        assert row.outcome is Outcome.NOT_APPLICABLE
        assert row.detail == "The constraints ask for no completeness."

    def test_a_share_below_the_constraint_violates_in_model_monitors_words(self) -> None:
        current = ColumnProfile(TypeCounts(integral=9, missing=1000))
        row = check_completeness(current, FRACTIONAL)
        assert row.outcome is Outcome.VIOLATED
        assert row.detail == (
            "Data completeness requirement is not met. Expected: 100.0%. Observed: Only 0.8919722497522299%."
        )

    def test_a_share_at_the_constraint_does_not(self) -> None:
        half = column(["1", None])
        assert check_completeness(half, replace(FRACTIONAL, completeness=0.5)).outcome is Outcome.OK

    def test_without_records_it_has_nothing_to_go_by(self) -> None:
        assert check_completeness(ColumnProfile(), FRACTIONAL).outcome is Outcome.INSUFFICIENT_DATA


class TestDomain:
    SEX = FeatureConstraints("sex", DataType.STRING, domains=("M", "F"))

    def test_a_share_inside_below_the_threshold_violates_in_the_words_that_parsers_read(self) -> None:
        row = check_domain(texts({"M": 1, "I": 110}), self.SEX, 1.0)
        assert row.outcome is Outcome.VIOLATED
        assert row.detail == "Value: 0.009009009009009009 does not meet the constraint requirement! "
        match = re.search(r"Value: (.+) does not meet the constraint requirement!", row.detail)
        assert match is not None
        assert float(match[1]) == row.value

    def test_values_inside_are_fine_however_they_are_shared(self) -> None:
        assert check_domain(texts({"M": 3, "F": 1}), self.SEX, 1.0).outcome is Outcome.OK

    def test_missing_values_are_another_checks_matter(self) -> None:
        assert check_domain(column(["M", None], text=True), self.SEX, 1.0).outcome is Outcome.OK

    def test_more_values_than_are_counted_one_by_one_lie_outside(self) -> None:
        flood = column([f"v{i}" for i in range(1500)], text=True)
        row = check_domain(flood, self.SEX, 1.0)
        assert row.outcome is Outcome.VIOLATED
        assert row.value is not None
        assert row.value < 0.1

    @staticmethod
    def flood(kept: frozenset[str]) -> ColumnProfile:
        """One thousand records of ten lie inside, the others in 1100 ways of spelling."""
        values = ["F"] * 1000 + [f"x{i % 1100}" for i in range(9000)]
        frame = pl.DataFrame({"sex": values}, schema={"sex": pl.String})
        return profile_frame(frame, text=["sex"], domains={"sex": kept}).columns["sex"]

    def test_records_outside_are_counted_however_many_spellings_they_have(self) -> None:
        row = check_domain(self.flood(frozenset({"F", "M", "I"})), self.SEX, 0.8)
        assert (row.outcome, row.value, row.threshold) == (Outcome.VIOLATED, 0.1, 0.8)
        row = check_domain(self.flood(frozenset({"F", "M"})), self.SEX, 0.1)
        assert (row.outcome, row.value) == (Outcome.OK, 0.1)

    def test_where_nobody_counted_the_listed_values_no_share_is_made_up(self) -> None:
        uncounted = self.flood(frozenset({"F"}))
        row = check_domain(uncounted, self.SEX, 0.8)
        assert (row.outcome, row.value) == (Outcome.INSUFFICIENT_DATA, None)
        assert "1000" in row.detail
        assert check_domain(uncounted, self.SEX, 1.0).outcome is Outcome.VIOLATED

    def test_without_listed_values_it_does_not_apply(self) -> None:
        assert check_domain(texts({"M": 1}), FRACTIONAL, 1.0).outcome is Outcome.NOT_APPLICABLE

    def test_without_values_it_has_nothing_to_go_by(self) -> None:
        assert check_domain(column([None], text=True), self.SEX, 1.0).outcome is Outcome.INSUFFICIENT_DATA

    def test_no_sentence_repeats_a_captured_value(self) -> None:
        secret = texts({"4111-1111-1111-1111": 5})
        found = [
            check_domain(secret, self.SEX, 1.0),
            check_data_type(secret, FRACTIONAL, 1.0),
            drift(secret, texts({"M": 1000})),
        ]
        assert not any("4111" in row.detail for row in found)


class TestDrift:
    def test_a_distance_over_the_threshold_violates_in_the_words_that_parsers_read(self) -> None:
        row = drift(numbers(NORMAL[:500] + 1), numbers(NORMAL))
        assert row.outcome is Outcome.VIOLATED
        for pattern in (r"distance: (.+) exceeds threshold: (.+)", r"distance: (.+) exceeds"):
            match = re.search(pattern, row.detail)
            assert match is not None
            assert float(match[1]) == row.value
        assert row.detail == f"Baseline drift distance: {row.value!r} exceeds threshold: 0.1"

    def test_small_numbers_are_printed_as_java_prints_them(self) -> None:
        far, config = numbers(NORMAL + 9), replace(SIMPLE, comparison_threshold=1e-5)
        assert drift(far, numbers(NORMAL), config).detail == (
            "Baseline drift distance: 1.0 exceeds threshold: 1.0E-5"
        )
        rare = texts({"M": 99_999, "F": 1})
        quiet = drift(rare, texts({"M": 1}), replace(SIMPLE, comparison_threshold=0.5))
        assert re.match(r"Baseline drift distance: \d\.\d+E-\d is within threshold: 0\.5; ", quiet.detail)
        domain = FeatureConstraints("x", DataType.STRING, domains=("F",))
        assert check_domain(rare, domain, 1.0).detail == (
            "Value: 1.0E-5 does not meet the constraint requirement! "
        )
        whole = FeatureConstraints("x", DataType.INTEGRAL, completeness=0.5)
        told = check_completeness(column(["1", *[None] * (2**18 - 1)]), whole).detail
        assert told.endswith("Expected: 50.0%. Observed: Only 3.814697265625E-4%.")

    def test_a_distance_at_the_threshold_does_not(self) -> None:
        halves = numbers([0.0] * 50 + [1.0] * 50)
        more = numbers([0.0] * 25 + [1.0] * 75)
        assert drift(more, halves, replace(SIMPLE, comparison_threshold=0.25)).outcome is Outcome.OK
        assert drift(more, halves, replace(SIMPLE, comparison_threshold=0.2499)).outcome is Outcome.VIOLATED

    def test_quiet_says_how_small_a_shift_it_could_have_seen(self) -> None:
        row = drift(numbers(NORMAL[:200]), numbers(NORMAL))
        assert row.outcome is Outcome.OK
        # 0.1 + 1.8·√(1/200 + 1/3000) = 0.231; 2·Φ⁻¹((1 + 0.231) / 2) = 0.59
        assert row.detail.endswith(
            "200 values could have shown a distance of 0.23, a shift of 0.59 standard deviations."
        )

    def test_too_few_values_are_told_with_the_least_shift_that_they_could_have_shown(self) -> None:
        row = drift(numbers(NORMAL[:15]), numbers(NORMAL))
        assert row.outcome is Outcome.INSUFFICIENT_DATA
        # 0.1 + 1.8·√(1/15 + 1/3000) = 0.566; 2·Φ⁻¹((1 + 0.566) / 2) = 1.56
        assert row.detail == (
            "Too few values: 15 values could have shown a distance of 0.57, "
            "a shift of 1.56 standard deviations."
        )

    def test_where_no_shift_could_be_seen_nothing_else_is_claimed(self) -> None:
        row = drift(numbers(NORMAL[:3]), numbers(NORMAL))
        assert row.outcome is Outcome.INSUFFICIENT_DATA
        assert row.detail == "Too few values: 3 values could not have shown a shift of any size."

    def test_compat_calls_so_few_values_quiet_as_model_monitor_does(self) -> None:
        row = drift(numbers(NORMAL[:15]), numbers(NORMAL), mode=Distance.COMPAT)
        assert row.outcome is Outcome.OK
        assert row.detail.endswith("a shift of 1.56 standard deviations.")

    def test_an_owners_high_threshold_is_no_lack_of_data(self) -> None:
        same = numbers(NORMAL)
        for method in DistanceMethod:
            config = replace(DEFAULTS, comparison_threshold=0.7, comparison_method=method)
            assert drift(same, same, config).outcome is Outcome.OK

    def test_categories_drift_by_their_own_threshold(self) -> None:
        config = replace(SIMPLE, categorical_comparison_threshold=0.3)
        baseline, current = texts({"M": 50, "F": 50}), texts({"M": 75, "F": 25})
        assert drift(current, baseline, SIMPLE).outcome is Outcome.VIOLATED
        assert drift(current, baseline, config).outcome is Outcome.OK

    @pytest.mark.parametrize(
        ("method", "same", "other"),
        [(DistanceMethod.ROBUST, 1.0, 0.0), (DistanceMethod.SIMPLE, 0.0, 250.0)],
    )
    def test_chi_squared_violates_by_a_small_p_value_or_a_large_statistic(
        self, method: DistanceMethod, same: float, other: float
    ) -> None:
        config = replace(
            DEFAULTS,
            categorical_drift_method=CategoricalDriftMethod.CHISQUARED,
            comparison_method=method,
        )
        baseline, shifted = texts({"M": 500, "F": 500}), texts({"M": 750, "F": 250})
        quiet, found = drift(baseline, baseline, config), drift(shifted, baseline, config)
        assert (quiet.outcome, quiet.value) == (Outcome.OK, same)
        assert found.outcome is Outcome.VIOLATED
        assert found.value == pytest.approx(other, abs=1e-9)

    def test_what_a_p_value_violates_is_told_truly(self) -> None:
        config = replace(
            DEFAULTS,
            categorical_drift_method=CategoricalDriftMethod.CHISQUARED,
            categorical_comparison_threshold=0.05,
        )
        baseline, shifted = texts({"M": 500, "F": 500}), texts({"M": 600, "F": 400})
        quiet, found = drift(baseline, baseline, config), drift(shifted, baseline, config)
        told = re.fullmatch(r"Baseline drift p-value: (\S+E-10) is below threshold: 0\.05", found.detail)
        assert told is not None
        assert float(told[1]) == found.value
        assert quiet.detail == "Baseline drift p-value: 1.0 is not below threshold: 0.05"
        above = check_drift("x", baseline, baseline, config, Distance.CORRECT, VALUE_ABOVE)
        assert above.detail == "Baseline drift distance: 1.0 exceeds threshold: 0.05"

    def test_chi_squared_of_too_few_values_is_no_answer(self) -> None:
        config = replace(DEFAULTS, categorical_drift_method=CategoricalDriftMethod.CHISQUARED)
        row = drift(texts({"M": 2, "F": 2}), texts({"M": 500, "F": 500}), config)
        assert row.outcome is Outcome.INSUFFICIENT_DATA

    def test_a_column_without_values_has_nothing_to_compare(self) -> None:
        assert drift(column([None, None]), numbers(NORMAL)).outcome is Outcome.INSUFFICIENT_DATA

    @pytest.mark.parametrize(
        ("current", "baseline", "why"),
        [
            (column(["M", "F"]), numbers([1.0]), "no value is a number"),
            (numbers([1.0]), texts({"M": 1}), "every value is a number"),
            (
                texts({"M": 1}),
                ColumnProfile(TypeCounts(string=9), categories=Categories(overflowed=True)),
                "too many values",
            ),
            (column([f"v{i}" for i in range(1500)], text=True), texts({"M": 1}), "too many values now"),
            (texts({"M": 1}), column([None], text=True), "no values of this feature"),
            (
                numbers([1.0]),
                ColumnProfile(TypeCounts(fractional=9), sketch=Sketch.empty()),
                "no sketch of this feature",
            ),
        ],
    )
    def test_what_cannot_be_compared_says_why(
        self, current: ColumnProfile, baseline: ColumnProfile, why: str
    ) -> None:
        row = drift(current, baseline)
        assert row.outcome is Outcome.NOT_APPLICABLE
        assert why in row.detail

    def test_a_stray_text_stops_compat_and_not_correct(self) -> None:
        current = column([*texts_of(NORMAL[:500] + 2), "NaN"])
        assert drift(current, numbers(NORMAL)).outcome is Outcome.VIOLATED
        assert drift(current, numbers(NORMAL), mode=Distance.COMPAT).outcome is Outcome.NOT_APPLICABLE

    def test_a_comparison_that_the_constraints_disable_is_not_made(self) -> None:
        config = replace(DEFAULTS, perform_comparison=False)
        assert drift(numbers(NORMAL + 9), numbers(NORMAL), config).outcome is Outcome.NOT_APPLICABLE


def verdict(current: Profile, constraints: Constraints | None = None, width: int | None = None) -> Verdict:
    baseline = table({"a": NORMAL, "b": NORMAL})
    return judge(current, baseline, constraints or asking("a", "b"), Distance.CORRECT, width)


def outcomes(found: Verdict, feature: str) -> dict[str, Outcome]:
    return {row.check: row.outcome for row in found.checks if row.feature == feature}


class TestVerdict:
    def test_a_column_that_breaks_a_check_is_an_error_and_the_others_are_judged(self) -> None:
        # a sketch that no decoding makes
        broken = ColumnProfile(TypeCounts(fractional=10), sketch=Sketch((np.array([None, 2.0]),), (0,)))
        current = replace(
            table({"a": NORMAL, "b": NORMAL + 2}), columns={"a": broken, "b": numbers(NORMAL + 2)}
        )
        found = verdict(current)
        assert outcomes(found, "a")[Check.DRIFT] is Outcome.ERROR
        assert outcomes(found, "a")[Check.COMPLETENESS] is Outcome.OK
        assert outcomes(found, "b")[Check.DRIFT] is Outcome.VIOLATED
        assert [row.outcome for row in found.features] == [Outcome.ERROR, Outcome.VIOLATED]
        (error,) = (row for row in found.checks if row.outcome is Outcome.ERROR)
        assert re.fullmatch(r"The check failed: \w+\.", error.detail)

    def test_a_feature_wears_its_gravest_outcome(self) -> None:
        found = verdict(Profile(3000, {"a": numbers(NORMAL[:10]), "b": numbers(NORMAL + 1)}))
        assert [(row.feature, row.outcome) for row in found.features] == [
            ("a", Outcome.INSUFFICIENT_DATA),
            ("b", Outcome.VIOLATED),
        ]
        assert found.features[1].mean == pytest.approx(NORMAL.mean() + 1)
        assert found.features[1].drift is not None
        assert found.features[1].threshold == 0.1

    def test_features_keep_the_baselines_order(self) -> None:
        current = table({"b": NORMAL, "a": NORMAL})
        assert [row.feature for row in verdict(current).features] == ["a", "b"]

    def test_a_feature_that_the_records_lack_is_told_and_nothing_is_claimed_of_it(self) -> None:
        found = verdict(replace(table({"a": NORMAL}), widths={}))
        assert outcomes(found, "b") == {Check.COMPLETENESS: Outcome.NOT_APPLICABLE}
        assert [row.feature for row in found.features] == ["a"]

    @pytest.mark.parametrize("empty", [Profile.empty(), Profile.empty(["a", "b"])])
    def test_a_window_of_no_records_is_insufficient_data(self, empty: Profile) -> None:
        found = verdict(empty)
        assert {row.outcome for row in found.checks} == {Outcome.INSUFFICIENT_DATA}
        assert {row.feature for row in found.checks} == {"a", "b"}

    def test_what_the_baseline_never_saw_does_not_drift(self) -> None:
        found = verdict(table({"a": NORMAL, "c": NORMAL}), asking("a", "c"))
        assert outcomes(found, "c")[Check.DRIFT] is Outcome.NOT_APPLICABLE

    def test_checks_that_the_constraints_disable_are_rows_that_say_so(self) -> None:
        off = ConfigOverrides(evaluate_constraints=False)
        strict = ConfigOverrides(comparison_threshold=0.0)
        shifted = table({"a": NORMAL + 9, "b": NORMAL + 9})
        found = verdict(shifted, with_config(DEFAULTS, a=off, b=strict))
        assert set(outcomes(found, "a").values()) == {Outcome.NOT_APPLICABLE}
        assert found.features[0].outcome is Outcome.NOT_APPLICABLE
        (drifted,) = found.violations
        assert (drifted.feature, drifted.threshold) == ("b", 0.0)

    def test_all_five_outcomes_can_be_in_one_verdict(self) -> None:
        broken = ColumnProfile(TypeCounts(fractional=3), sketch=Sketch((np.array([None, 2.0]),), (0,)))
        columns = {"a": broken, "b": numbers(NORMAL[:3]), "c": numbers(NORMAL + 9)}
        baseline = table(dict.fromkeys("abc", NORMAL))
        found = judge(Profile(3, columns), baseline, asking("a", "b", "c"), Distance.CORRECT)
        assert {row.outcome for row in found.checks} == set(Outcome)


class TestColumns:
    @pytest.mark.parametrize(
        ("width", "name", "check", "word"),
        [
            (3, "Extra columns", Check.EXTRA_COLUMNS, "extra"),
            (1, "Missing columns", Check.MISSING_COLUMNS, "missing"),
        ],
    )
    def test_where_most_records_have_another_width_that_is_the_one_violation(
        self, width: int, name: str, check: Check, word: str
    ) -> None:
        few = table({"a": NORMAL[:4], "b": NORMAL[:4] + 99})
        (row,) = verdict(replace(few, widths={2: 4, width: 5})).checks
        assert (row.feature, row.check, row.outcome) == (name, check, Outcome.VIOLATED)
        assert row.detail == (
            f"There are {word} columns in current dataset. Number of columns in current dataset: {width}, "
            "Number of columns in baseline constraints: 2"
        )

    @pytest.mark.parametrize("misfits", [1, 2999, 3000])
    def test_misfits_that_are_not_most_of_them_are_rejects_and_no_violation(self, misfits: int) -> None:
        current = replace(table({"a": NORMAL, "b": NORMAL}), widths={2: 3000, 3: misfits})
        assert verdict(current).violations == ()

    def test_constraints_that_disable_every_check_disable_that_of_the_columns(self) -> None:
        off = replace(asking("a", "b"), monitoring=replace(DEFAULTS, evaluate_constraints=False))
        found = verdict(replace(table({"a": NORMAL[:4], "b": NORMAL[:4]}), widths={2: 4, 3: 5}), off)
        assert {row.outcome for row in found.checks} == {Outcome.NOT_APPLICABLE}
        assert {row.feature for row in found.checks} == {"a", "b"}

    def test_of_several_wrong_widths_the_most_frequent_is_told(self) -> None:
        current = replace(table({"a": NORMAL[:4], "b": NORMAL[:4]}), widths={1: 2, 2: 4, 3: 3})
        (row,) = verdict(current).violations
        assert (row.check, row.value) == (Check.EXTRA_COLUMNS, 3)

    def test_excluded_columns_hold_their_place_in_a_record(self) -> None:
        four_captured = replace(table({"a": NORMAL, "b": NORMAL}), widths={4: 3000, 3: 1})
        assert verdict(four_captured, width=4).violations == ()
        assert verdict(four_captured).violations == ()

    def test_a_width_that_equals_the_judged_columns_is_a_misfit_where_more_were_captured(self) -> None:
        current = replace(table({"a": NORMAL[:2], "b": NORMAL[:2]}), widths={4: 2, 2: 3})
        (row,) = verdict(current, width=4).violations
        assert (row.check, row.value, row.threshold) == (Check.MISSING_COLUMNS, 2, 4)

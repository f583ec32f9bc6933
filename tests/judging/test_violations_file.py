"""constraint_violations.json is JSON whatever the features are called, in Model Monitor's shape."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from baselines.checks.names import OURS_ALONE, Check
from baselines.jackson import render
from monitor.violations import completion_message, write
from store.records import CheckRow, Outcome

NAMES = st.text(st.characters(exclude_categories=["Cs"]))


KNOWN = sorted(set(Check) - OURS_ALONE)
"""Those that readers of Model Monitor's file know."""


@given(st.lists(st.tuples(NAMES, st.sampled_from(KNOWN), NAMES), max_size=6))
def test_it_is_json_and_says_what_was_found(found: list[tuple[str, Check, str]]) -> None:
    rows = [CheckRow(name, check, Outcome.VIOLATED, 0.5, 0.1, detail) for name, check, detail in found]
    assert json.loads(write(rows)) == {
        "violations": [
            {"feature_name": name, "constraint_check_type": str(check), "description": detail}
            for name, check, detail in found
        ]
    }


def test_a_row_that_came_back_from_the_database_is_written_alike() -> None:
    fresh = CheckRow("é", Check.DOMAIN, Outcome.VIOLATED, 0.5, 1.0, "Value: 0.5")
    stored = CheckRow("é", "categorical_values_check", Outcome.VIOLATED, 0.5, 1.0, "Value: 0.5")
    assert write([fresh]) == write([stored])
    assert '"feature_name" : "é"' in write([fresh])


def test_control_characters_are_written_as_jackson_writes_them() -> None:
    row = CheckRow("a\x1f\\u001f\n", KNOWN[0], Outcome.VIOLATED, 1.0, 0.1, "é\x0b")
    text, name = write([row]), r'"a\u001F\\u001f\n"'
    assert f'"feature_name" : {name}' in text
    assert r'"description" : "é\u000B"' in text
    assert json.loads(text)["violations"][0]["feature_name"] == row.feature
    assert render({row.feature: row.feature}) == f"{{\n  {name} : {name}\n}}"


def test_the_closing_words_are_those_that_readers_derive_the_status_from() -> None:
    assert completion_message(0) == "Completed: Job completed successfully with no violations."
    assert completion_message(60) == (
        "CompletedWithViolations: Job completed successfully with 60 violations."
    )

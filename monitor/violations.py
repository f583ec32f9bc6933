"""constraint_violations.json, as Model Monitor's readers expect it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from baselines.checks.names import OURS_ALONE, Check
from baselines.jackson import quoted
from store.records import CheckRow, Outcome

VIOLATIONS = "constraint_violations.json"
"""The file's name."""


def write(violations: Iterable[CheckRow]) -> str:
    """The file's text; an empty list where nothing was violated that Model Monitor checks.

    >>> print(write([]))
    {
      "violations" : [ ]
    }
    """
    entries = [
        "{\n"
        f'    "feature_name" : {quoted(row.feature)},\n'
        f'    "constraint_check_type" : {json.dumps(row.check)},\n'
        f'    "description" : {quoted(row.detail)}\n'
        "  }"
        for row in in_file(violations)
    ]
    listed = f"[ {', '.join(entries)} ]" if entries else "[ ]"
    return f'{{\n  "violations" : {listed}\n}}'


def in_file(violations: Iterable[CheckRow]) -> tuple[CheckRow, ...]:
    """Those of them that Model Monitor checks too, which its file holds and its messages count."""
    return tuple(row for row in violations if row.check not in OURS_ALONE)


class ViolationsError(ValueError):
    """A constraint_violations.json that is none, in one sentence."""


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_LONGEST_TEXT = 1024


def read(text: str, where: str) -> tuple[CheckRow, ...]:
    """The violations of a file of Model Monitor's.

    What their descriptions measure (a distance, a share from 0 to 1) is the `value` where it is understood;
    words of unknown kinds are kept as they are.

    Raises:
        ViolationsError: naming the place.
    """
    try:
        found = json.loads(text)
        listed = found["violations"]
        rows = [
            (each["feature_name"], each["constraint_check_type"], each.get("description", ""))
            for each in listed
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ViolationsError(
            f"{where} is no constraint_violations.json ({type(error).__name__}): "
            "it wants a list 'violations' of feature_name and constraint_check_type"
        ) from None
    return tuple(
        _row(str(feature), str(check)[:32], str(detail)[:_LONGEST_TEXT]) for feature, check, detail in rows
    )


def _row(feature: str, check: str, detail: str) -> CheckRow:
    value, threshold = _measured(check, detail)
    return CheckRow(feature, check, Outcome.VIOLATED, value, threshold, detail)


def _measured(check: str, detail: str) -> tuple[float | None, float | None]:
    """(value, threshold): a distance comes first in its sentence, of shares what was expected."""
    numbers = [float(each) for each in _NUMBER.findall(detail)]
    if check == Check.DRIFT and len(numbers) == 2:
        return numbers[0], numbers[1]
    if check in (Check.DATA_TYPE, Check.COMPLETENESS, Check.DOMAIN) and len(numbers) == 2 and "%" in detail:
        return numbers[1] / 100, numbers[0] / 100
    return None, None


def completion_message(violations: int) -> str:
    """The execution's closing words, from which readers derive its status."""
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {violations} violations."
    return "Completed: Job completed successfully with no violations."

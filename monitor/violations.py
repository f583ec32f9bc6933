"""constraint_violations.json, as Model Monitor's readers expect it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from monitor.checks.names import OURS_ALONE
from store.records import CheckRow


def write(violations: Iterable[CheckRow]) -> str:
    """The file's text; an empty list where nothing was violated that Model Monitor checks.

    >>> print(write([]))
    {
      "violations" : [ ]
    }
    """
    entries = [
        "{\n"
        f'    "feature_name" : {json.dumps(row.feature, ensure_ascii=False)},\n'
        f'    "constraint_check_type" : {json.dumps(row.check)},\n'
        f'    "description" : {json.dumps(row.detail, ensure_ascii=False)}\n'
        "  }"
        for row in violations
        if row.check not in OURS_ALONE
    ]
    listed = f"[ {', '.join(entries)} ]" if entries else "[ ]"
    return f'{{\n  "violations" : {listed}\n}}'


def completion_message(violations: int) -> str:
    """The execution's closing words, from which readers derive its status."""
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {violations} violations."
    return "Completed: Job completed successfully with no violations."

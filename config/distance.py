"""Whose distances a comparison shows."""

from __future__ import annotations

from enum import StrEnum


class Distance(StrEnum):
    """Whose numbers: Model Monitor's, bugs included, or right ones."""

    COMPAT = "compat"
    CORRECT = "correct"

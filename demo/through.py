"""The ways that the demo's story can retrain."""

from __future__ import annotations

from enum import StrEnum


class Through(StrEnum):
    """What the story retrains through."""

    STEP_FUNCTIONS = "step-functions"
    AIRFLOW = "airflow"
    LOCAL = "local"

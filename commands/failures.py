"""Which failures are told to a person in one sentence; any other is a fault in Kedge and keeps its trace."""

from __future__ import annotations

TOLD = frozenset(
    {
        "baselines.constraints.ConstraintsError",
        "baselines.datasets.DatasetError",
        "baselines.processing_job.ProcessingJobError",
        "baselines.quality.problem.QualityError",
        "baselines.statistics.StatisticsError",
        "baselines.versions.BaselineError",
        "commands.failures.CommandError",
        "config.clock.ClockError",
        "config.errors.ConfigError",
        "config.facts.DiscoveryError",
        "monitor.capture.schema.SchemaError",
        "monitor.analysis.contract.ContractError",
        "monitor.hooks.process.HookError",
        "objects.PlaceError",
        "retrain.actions.ActionError",
        "service.ServiceError",
        "store.engine.StoreError",
    }
)
"""Errors whose text is the sentence. By name: importing them all would cost each command a second."""

_AWS = "botocore.exceptions.BotoCoreError"


class CommandError(Exception):
    """What a command can't do, in one sentence."""


def sentence_of(error: Exception) -> str | None:
    """The sentence for a person, or None for a fault of the program."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if kinds & TOLD:
        return str(error)
    if _AWS in kinds:
        said = str(error).rstrip(".")
        return f"AWS can't be asked: {said}: check AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and credentials"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} can't be used ({error.strerror}): give another path or mend its permissions"
    return None

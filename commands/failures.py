"""Which failures are told to a person in one sentence; any other is a fault in Kedge and keeps its trace."""

from __future__ import annotations

import errno

TOLD = frozenset(
    {
        "baselines.constraints.ConstraintsError",
        "baselines.datasets.DatasetError",
        "baselines.processing_job.ProcessingJobError",
        "baselines.quality.problem.QualityError",
        "baselines.statistics.StatisticsError",
        "baselines.folder.BaselineError",
        "commands.failures.CommandError",
        "config.clock.ClockError",
        "config.errors.ConfigError",
        "config.facts.DiscoveryError",
        "monitor.capture.schema.SchemaError",
        "monitor.analysis.contract.ContractError",
        "monitor.hooks.process.HookError",
        "monitor.spark.engine.SparkError",
        "objects.problem.PlaceError",
        "retrain.actions.ActionError",
        "retrain.aws_calls.CallError",
        "store.engine.StoreError",
    }
)
"""Errors whose text is the sentence. By name: importing them all would cost each command a second."""

_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What the system says of a write, without saying of which file."""

_AWS = "botocore.exceptions.BotoCoreError"


class CommandError(Exception):
    """What a command can't do, in one sentence."""


def sentence_of(error: Exception) -> str | None:
    """The sentence for a person, or None for a fault of the program."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if kinds & TOLD:
        return str(error)
    if _AWS in kinds:
        from objects import aws_told

        return f"AWS can't be asked: {aws_told(error)}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} can't be used ({error.strerror}): give another path or mend its permissions"
    if isinstance(error, OSError) and error.errno in _NOT_WRITTEN:
        return f"the output can't be written ({error.strerror}): free space there, or write it elsewhere"
    return None

"""Whether what is to train is there: what `kedge doctor` says of the target."""

from __future__ import annotations

from collections.abc import Callable

import config.targets
from config.findings import Finding, fine, refused, skipped
from config.targets import TargetKind
from retrain.aws_calls import code_behind
from retrain.targets.base import Target, TargetError

TARGET = "target"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def of_target(named: config.targets.Target, opened: Callable[[config.targets.Target], Target]) -> Finding:
    """What is said of the target; `opened` gives it, or raises TargetError."""
    try:
        return fine(TARGET, opened(named).look())
    except TargetError as error:
        # MWAA passes on what is asked of Airflow by the one right that a run needs too
        if named.kind is not TargetKind.MWAA and code_behind(error) in _DENIED:
            said = refused(TARGET, error).said
            return skipped(
                TARGET, f"{said}: this check alone asks so, and deploy/ has a policy that allows it"
            )
        return refused(TARGET, error)

"""What a run is handed and what it is answered, beside the target's own words: files in the run's folder.

input.json    what is documented as a run's input, whatever of it the target itself is given
output.json   the answer of what has none of its own
failed.json   that it failed, where nobody can be asked: {"error": …, "cause": …}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from config.targets import Target, TargetKind
from objects import Place, PlaceError, PlaceProblem
from retrain.parameter_store import SsmClient
from retrain.targets import outputs
from retrain.targets.base import (
    Awaited,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    Unanswered,
    same_json,
)

INPUT, OUTPUT, FAILED = "input.json", "output.json", "failed.json"

_BY_FILE = frozenset({TargetKind.SAGEMAKER_PIPELINE, TargetKind.CODEPIPELINE, TargetKind.EVENT_BRIDGE})
"""What answers in the run's folder."""


def given(target: Target, document: str) -> str:
    """The JSON that the target itself is given of a run with this input."""
    value = target.handed(json.loads(document))
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def lay_down(target: Target, place: Place, document: str, name: str) -> None:
    """Write the run's input into its folder; twice is once.

    A target that answers by a file there must not find a file of another run, and one that is handed an input
    of its own can't tell two runs of one name apart: a folder with another's input is an error.
    """
    key = place.key(INPUT)
    found = _present(target, place)
    if found is not None:
        if not same_json(found, document):
            message = (
                f"{place.uri}/{INPUT} holds another input than run {name}'s: "
                "somebody else uses that folder, or the database was set back; start another run"
            )
            raise TargetError(message, retryable=False)
        return
    place.objects.write(key, document.encode(), "application/json")


def settled(
    status: Status,
    target: Target,
    place: Place,
    document: Mapping[str, Any],
    ssm: Callable[[], SsmClient],
    before: Mapping[str, int],
) -> Status:
    """A target's word, with what its files and parameters add to it.

    Args:
        status: what the target says.
        target: which it is, and where parts of its answer lie.
        place: the run's folder.
        document: the run's input.
        ssm: makes a client, where one is needed.
        before: versions of the parameters before the run was started.
    """
    if isinstance(status, Awaited):
        status = _awaited(place)
    if not isinstance(status, Succeeded | Unanswered):
        return status
    answer = status.output if isinstance(status, Succeeded) else None
    if target.kind in _BY_FILE and _lies(place, OUTPUT):
        answer = _over(answer, _text(place, OUTPUT))
    answer = outputs.joined(answer, outputs.found(ssm, target.answered_at(document), before))
    if answer is None:
        told = f"it ended well, and there is no {place.uri}/{OUTPUT} and nothing else of its answer"
        return Failed("NoOutput", told)
    return Succeeded(answer)


def _awaited(place: Place) -> Status:
    if _lies(place, OUTPUT):
        return Unanswered()
    if not _lies(place, FAILED):
        return Running()
    try:
        told = json.loads(_text(place, FAILED))
        return Failed(str(told["error"]), str(told.get("cause") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Failed("Failed", f"{place.uri}/{FAILED} says so, and has not the form of error and cause")


def _over(own: str | None, written: str) -> str:
    """The answer that was written, with what the target itself knows where that says nothing of it."""
    try:
        whole = json.loads(written)
    except ValueError:
        return written
    if not isinstance(whole, dict):
        return written
    return json.dumps(json.loads(own or "{}") | whole, sort_keys=True, ensure_ascii=False)


def _present(target: Target, place: Place) -> str | None:
    """The input that lies in the folder, where that is looked at; None where there is none."""
    if target.kind in _BY_FILE:
        return _text(place, INPUT) if _lies(place, INPUT) else None
    if target.input is None:
        return None
    try:
        return _text(place, INPUT)
    except PlaceError as error:
        # of what is absent S3 says so only to who may list, which such a target needs no right to
        if error.kind in (PlaceProblem.NO_KEY, PlaceProblem.DENIED):
            return None
        raise


def _lies(place: Place, name: str) -> bool:
    """Whether there is such a file: by listing, since S3 denies what is absent to who may not list."""
    key = place.key(name)
    return key in set(place.objects.keys(key))


def _text(place: Place, name: str) -> str:
    return place.objects.read(place.key(name)).decode(errors="replace")

"""Parameters of AWS Systems Manager that tell an owner's stack who the champion is.

They are written once the new model is the champion: in service, or approved where its owner deploys it. What
they held before is written down first, and put back when the model is rolled back; of one that the workflow
has written by itself that is the champion's. A parameter that somebody else has set meanwhile is left as it
is, either way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from config.parameters import Parameters
from objects import PlaceError, PlaceProblem
from retrain import parameter_store, quality_files, registry
from retrain.aws_calls import CallError
from retrain.bench import Bench
from retrain.handed import folder, handed, is_scored
from retrain.parameter_store import ParameterError, SsmClient
from retrain.training_run import outputs
from store import runs
from store.retraining import Run, RunReason

PATIENCE: Final = timedelta(days=1)
"""So long a run that could end waits for parameters which do not answer."""
_SEEN, _WRITTEN, _BACK = "parameters_seen", "parameters", "parameters_back"
_REFUSED = "refused"


def are_due(bench: Bench) -> bool:
    """Whether parameters are to name the new model, and were not seen to."""
    is_wanted = bench.policy is not None and bench.policy.ssm is not None
    return (is_wanted or bench.effects.is_intended(_WRITTEN)) and not bench.effects.is_answered(_WRITTEN)


def publish(run: Run, bench: Bench) -> None:
    """Let the parameters of kedge.yaml name the new model; nothing where it names none, or they do already.

    What AWS refuses for good is told among the run's events: the model serves all the same.

    Raises:
        ParameterError: where it may be written later.
    """
    if not are_due(bench):
        return
    wanted = bench.policy.ssm if bench.policy else None
    ssm = bench.world.ssm()
    values = dict(_values(run, bench, wanted)) if wanted is not None else {}
    seen = bench.effects.once(
        _SEEN, lambda: {"names": sorted(values)}, lambda request: _seen(ssm, request["names"])
    )

    def request() -> dict[str, Any]:
        if _REFUSED in seen:
            return {"changes": {}, _REFUSED: seen[_REFUSED]}
        held: dict[str, str | None] = seen["values"]
        written = {name for name, new in values.items() if name in held and held[name] == new}
        before = held | (_champions(run, bench, wanted, written) if wanted and written else {})
        return {
            "changes": {name: [before[name], new] for name, new in values.items() if name in held},
            "unwritten": [wanted.baseline]
            if wanted and wanted.baseline and wanted.baseline not in values
            else [],
        }

    told = bench.effects.once(_WRITTEN, request, lambda request: _written(ssm, request))
    _tell(run, bench, told)


def attempted(step: Callable[[Run, Bench], None], run: Run, bench: Bench) -> bool:
    """Whether `publish` or `put_back` saw to them; where not it is told, and the endpoint does not wait."""
    try:
        step(run, bench)
    except (CallError, PlaceError) as error:
        bench.tell_waiting(run, str(error))
        return False
    return True


def put_back(run: Run, bench: Bench) -> None:
    """Give the parameters that were written what they held before; one that was not there is deleted.

    Raises:
        ParameterError: where it may be done later.
    """
    asked = bench.effects.request(_WRITTEN)
    if asked is None or not asked["changes"] or bench.effects.is_answered(_BACK):
        return
    ssm = bench.world.ssm()
    changes = asked["changes"].items()
    back = {
        "changes": {name: [new, old] for name, (old, new) in changes if old != new},
        "unknown": [name for name, (old, new) in changes if old == new],
    }
    told = bench.effects.once(_BACK, lambda: back, lambda request: _written(ssm, request))
    _tell(run, bench, told)


def _values(run: Run, bench: Bench, wanted: Parameters) -> Iterator[tuple[str, str]]:
    if wanted.model_package is not None and run.model_package:
        yield wanted.model_package, run.model_package
    if wanted.baseline is not None and (pairs := _pairs(run, bench)):
        yield wanted.baseline, pairs


def _pairs(run: Run, bench: Bench) -> str | None:
    """Where the new model's answers and labels lie, by Kedge's judging or else by the workflow's."""
    if not is_scored(run):
        found: str | None = outputs(run).get("baseline_data")
        return found
    pairs = f"{folder(run)}/{quality_files.FOLDER}/{quality_files.PAIRS}"
    return pairs if _is_there(bench, pairs) else None


def _champions(run: Run, bench: Bench, wanted: Parameters, names: Collection[str]) -> dict[str, str | None]:
    """What of these parameters is known of the champion: its version, and the answers noted with that."""
    package = (handed(run).get("champion") or {}).get("model_package")
    if not package:
        return {}
    found: dict[str | None, str | None] = {wanted.model_package: package}
    if wanted.baseline in names:
        try:
            notes = registry.describe(bench.world.sagemaker(), package).get("CustomerMetadataProperties")
        except registry.RegistryError as error:
            if error.retryable:
                raise
            notes = None
        found[wanted.baseline] = (notes or {}).get(registry.ANSWERS_KEY)
    return {name: value for name, value in found.items() if name and name in names and value}


def _is_there(bench: Bench, uri: str) -> bool:
    """Whether it was written: a run that had registered its model before it was asked for has none."""
    try:
        bench.read(uri)
    except PlaceError as error:
        if error.kind is PlaceProblem.NO_KEY:
            return False
        raise
    return True


def _seen(ssm: SsmClient, names: list[str]) -> dict[str, Any]:
    """What each holds now, None where there is no such parameter."""
    try:
        return {"values": {name: _held(ssm, name) for name in names}}
    except ParameterError as error:
        if error.retryable:
            raise
        return {_REFUSED: str(error)}


def _written(ssm: SsmClient, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take each from its old value to its new one; what stands at neither is somebody else's by now."""
    if _REFUSED in request:
        return {_REFUSED: request[_REFUSED]}
    left = []
    try:
        for name, (old, new) in request["changes"].items():
            present = _held(ssm, name)
            if present == new:
                continue
            if present != old:
                left.append(name)
            else:
                parameter_store.write(ssm, name, new)
    except ParameterError as error:
        if error.retryable:
            raise
        return {_REFUSED: str(error)}
    return {"left": left, **{key: request[key] for key in ("unwritten", "unknown") if request.get(key)}}


def _held(ssm: SsmClient, name: str) -> str | None:
    found = parameter_store.read(ssm, name)
    return found.value if found else None


def _tell(run: Run, bench: Bench, answer: Mapping[str, Any]) -> None:
    told = []
    if _REFUSED in answer:
        told.append(str(answer[_REFUSED]))
    if names := answer.get("left"):
        told.append(f"Somebody else has set {', '.join(names)} meanwhile, which is left as it is.")
    if names := answer.get("unwritten"):
        told.append(
            f"There are no answers of the new model's for {', '.join(names)} to name: it is left as it is."
        )
    if names := answer.get("unknown"):
        told.append(
            f"The workflow wrote {', '.join(names)} before it was judged, and what stood there is not known: "
            "set it back by hand."
        )
    if not told:
        return
    with bench.lease.transaction() as connection:
        runs.tell(connection, run, RunReason.PARAMETERS_LEFT, " ".join(told), bench.now)

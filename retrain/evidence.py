"""What a version is registered with: files beside the model, and what was known when it won."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from baselines.folder import CONSTRAINTS, STATISTICS, BaselineFiles
from baselines.quality.pairs import LABEL
from config.metrics import FRESH, TEST
from retrain import model_card, quality_files
from retrain.bench import Bench
from retrain.handed import folder, handed, home
from retrain.model_card import Story
from retrain.registry import Evidence
from retrain.scored import answers, fresh_labels
from retrain.training_run import outputs
from store import incidents, runs
from store.engine import reading
from store.retraining import Run, Trial

_PACKAGE: Final = "kedge"


def gather(run: Run, bench: Bench, files: BaselineFiles, trials: tuple[Trial, ...]) -> Evidence:
    """Write the model-quality files and put together all that is known; `files` are the new baseline's."""
    answer, base = outputs(run), folder(run)
    places = write_quality(run, bench)
    manifest: dict[str, Any] = json.loads(bench.read(f"{base}/manifest.json"))
    told = _told(run, bench, manifest, answer)
    given = handed(run)
    with reading(bench.world.engine) as connection:
        events = runs.events(connection, run.id)
        incident = None if run.incident_id is None else incidents.by_id(connection, run.incident_id)
    story = Story(
        run=run.name,
        endpoint=bench.endpoint.name,
        why=events[0].told if events else "",
        incident=None if incident is None else incident.summary,
        judged=run.told,
        trained=_trained(manifest),
        datasets=(str(given["training"]["data"]), str(given["score"]["fresh"])),
        details=dict(told),
    )
    decisive = [trial for trial in trials if trial.dataset in (FRESH, TEST)]
    others = [trial for trial in trials if trial.dataset not in (FRESH, TEST)]
    return Evidence(
        model_data=answer["model_data"],
        image=answer["image"],
        quality=places.statistics,
        quality_constraints=places.constraints,
        statistics=f"{files.source}/{STATISTICS}",
        constraints=f"{files.source}/{CONSTRAINTS}",
        manifest=f"{base}/manifest.json",
        handle=run.handle or "",
        card=model_card.content(story, [*decisive, *others]),
        told=told,
    )


def write_quality(run: Run, bench: Bench) -> quality_files.QualityPlaces:
    """Measure the challenger on the judging window, and write that in Model Monitor's files.

    The window's labels leave Kedge beside them only where somebody's stack reads the baseline's data from a
    parameter: the run has won by then, and its trainer has long ended.
    """
    truth = fresh_labels(run, bench)
    found = answers(bench, outputs(run)["predictions"]["fresh"])[truth.positions]
    assert run.judged_end is not None  # noqa: S101 (set before the target was started)
    sides = found.with_columns(truth.champion[LABEL])
    files = quality_files.of_answers(sides, bench.endpoint, run.judged_end)
    wanted = bench.policy.ssm if bench.policy else None
    with_pairs = wanted is not None and wanted.baseline is not None
    return quality_files.write(home(run, bench), run.name, files, with_pairs=with_pairs)


def _told(
    run: Run, bench: Bench, manifest: dict[str, Any], answer: dict[str, Any]
) -> tuple[tuple[str, str], ...]:
    trained, code = manifest["training"], answer.get("code_version")
    with reading(bench.world.engine) as connection:
        events = runs.events(connection, run.id)
    return (
        ("kedge-breach", events[0].told if events else ""),
        ("kedge-captured-from", trained["first"] or ""),
        ("kedge-captured-to", trained["last"] or ""),
        ("kedge-captured-records", str(trained["count"])),
        ("kedge-captured-ids-sha256", trained["ids_sha256"]),
        ("kedge-code-version", code if isinstance(code, str) else ""),
        ("kedge-version", _own_version()),
    )


def _trained(manifest: dict[str, Any]) -> str:
    trained, original = manifest["training"], manifest["original"]
    parts = []
    if original is not None:
        parts.append(f"{original['count']} rows of the original set {original['uri']}")
    if trained["count"]:
        parts.append(
            f"{trained['count']} captured records with labels, from {trained['first']} to {trained['last']}"
        )
    return f"Trained on {' and '.join(parts)}."


def _own_version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return ""

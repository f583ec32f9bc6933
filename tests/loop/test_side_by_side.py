"""Variants side by side: each is judged by the baseline of its own model, whoever deploys another's."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import polars as pl
from sqlalchemy import select

from retrain import actions
from store import incidents
from store.engine import reading
from store.records import ExecutionKind
from store.retraining import Run, RunReason, RunState
from store.schema import executions, windows
from tests.clock import HOUR, NOON
from tests.loop import world
from tests.loop.rig import ENDPOINT, GROUP, OLD_CONFIG, OLD_MODEL, ROLE, VARIANT, Rig
from tests.loop.trainer import answers, fitted
from tests.observing.replica import until

OTHER = "Zebra"
TWO = "two-variants"


def served(rig: Rig, config: str, models: dict[str, str]) -> None:
    """The endpoint is put on a config of these models, by variant."""
    sagemaker = rig.aws.direct.client("sagemaker")
    present = sagemaker.describe_endpoint_config(EndpointConfigName=OLD_CONFIG)
    (variant,) = present["ProductionVariants"]
    sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {**variant, "VariantName": name, "ModelName": model} for name, model in models.items()
        ],
        DataCaptureConfig=present["DataCaptureConfig"],
    )
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    assert until(lambda: rig.endpoint_config() == config)


def of_package(rig: Rig, name: str, package: str) -> str:
    """A model of a version."""
    rig.aws.direct.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}]
    )
    return name


def package(rig: Rig) -> str:
    """One more version in the registry, approved."""
    specification: dict[str, Any] = {
        "Containers": [{"Image": world.IMAGE, "ModelDataUrl": rig.uri("models/1/model.csv")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    made = rig.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", InferenceSpecification=specification
    )
    return str(made["ModelPackageArn"])


def in_a_quiet_world(rig: Rig, hours: range) -> None:
    """The other variant's traffic, whose world stays as it was and which the champion's twin answers."""
    inputs = fitted(*learnt())
    for start in (NOON + at * HOUR for at in hours):
        hour = world.hour(6, start)
        hour = replace(hour, ids=tuple(f"{OTHER}-{name}" for name in hour.ids))
        day = f"{start:%Y/%m/%d/%H}"
        found = hour.captured(answers(inputs, hour.inputs))
        rig.write(f"captures/{ENDPOINT}/{OTHER}/{day}/00-00-000-a.jsonl", found)
        rig.write(f"labels/{day}/00-00-000-{OTHER}.jsonl", hour.labelled())


def learnt() -> tuple[world.Floats, world.Floats]:
    """What the champion learnt from: inputs and truth."""
    frame = pl.read_csv(io.BytesIO(world.dataset(1)))
    return frame.select(world.FEATURES).to_numpy(), frame[world.LABEL].to_numpy()


def verdicts(rig: Rig, variant: str) -> list[tuple[int | None, int]]:
    """By which baseline each of a variant's windows was judged last, and its violations; oldest first."""
    columns = (executions.c.baseline_id, executions.c.violations)
    with reading(rig.engine) as connection:
        rows = connection.execute(
            select(*columns)
            .join(windows, windows.c.id == executions.c.window_id)
            .where(
                windows.c.variant == variant,
                executions.c.latest,
                executions.c.kind == ExecutionKind.DATA_QUALITY,
            )
            .order_by(windows.c.start, windows.c.deployment_id)
        )
        return [(row.baseline_id, row.violations) for row in rows]


def rolled_out(rig: Rig) -> tuple[str, Run]:
    """Two variants of two versions, of which the one in a changed world gets a new model; the other's."""
    theirs = package(rig)
    served(rig, TWO, {VARIANT: OLD_MODEL, OTHER: of_package(rig, "zebra", theirs)})
    in_a_quiet_world(rig, range(5))
    rig.breach()
    run = rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger()
    return theirs, run


def test_a_rollout_changes_the_model_and_the_baseline_of_its_variant_alone(rig: Rig) -> None:
    theirs, run = rolled_out(rig)
    first = rig.eras()[0]
    assert (first.of(VARIANT).model_package, first.of(OTHER).model_package) == (rig.package, theirs)
    now = rig.eras()[-1]
    assert (now.of(VARIANT).model_package, now.of(VARIANT).baseline_id) == (
        run.model_package,
        run.new_baseline_id,
    )
    assert (now.of(OTHER).model_package, now.of(OTHER).baseline_id) == (theirs, first.baseline_id)
    in_a_quiet_world(rig, range(5, 9))
    rig.pass_hours("changed", "changed", "changed", "changed")
    assert rig.until(RunState.ADOPTED).variant == VARIANT
    assert {baseline for baseline, _ in verdicts(rig, OTHER)} == {first.baseline_id}
    assert not any(violations for _, violations in verdicts(rig, OTHER))
    assert verdicts(rig, VARIANT)[-1] == (run.new_baseline_id, 0)
    with reading(rig.engine) as connection:
        assert {each.variant for each in incidents.history(connection, run.monitor_id)} == {VARIANT}


def test_a_way_back_leaves_the_other_variant_as_it_was(rig: Rig) -> None:
    theirs, run = rolled_out(rig)
    first = rig.eras()[0]
    in_a_quiet_world(rig, range(5, 9))
    rig.pass_hours("changed", "changed", failing=40)
    assert rig.until(RunState.ROLLED_BACK).id == run.id
    now = rig.eras()[-1]
    assert now.endpoint_config == TWO
    assert (now.of(VARIANT).model_package, now.of(VARIANT).baseline_id) == (rig.package, first.baseline_id)
    assert (now.of(OTHER).model_package, now.of(OTHER).baseline_id) == (theirs, first.baseline_id)


def test_a_challenger_that_its_owner_puts_beside_the_champion_has_its_own_baseline(rig: Rig) -> None:
    rig.retrain = {"rollout": "none"}
    rig.breach()
    run = rig.until(RunState.ADOPTED)
    assert run.model_package is not None
    before = rig.eras()[-1]
    served(rig, TWO, {VARIANT: OLD_MODEL, OTHER: of_package(rig, "challenger", run.model_package)})
    rig.pass_hours("changed")
    now = rig.eras()[-1]
    assert now.endpoint_config == TWO
    assert (now.of(VARIANT).model_package, now.of(VARIANT).baseline_id) == (rig.package, before.baseline_id)
    assert (now.of(OTHER).model_package, now.of(OTHER).baseline_id) == (
        run.model_package,
        run.new_baseline_id,
    )


def test_a_version_that_its_owner_puts_beside_the_champion_before_kedge_rolls_it_out_is_left_to_him(
    rig: Rig,
) -> None:
    rig.retrain = {"approval": "manual"}
    rig.breach()
    run = rig.until(RunState.REGISTERED)
    assert run.model_package is not None
    served(rig, TWO, {VARIANT: OLD_MODEL, OTHER: of_package(rig, "challenger", run.model_package)})
    rig.pass_hours("changed")
    rig.say(actions.approve)
    run = rig.until(RunState.ADOPTED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE)
    assert rig.endpoint_config() == TWO
    assert rig.packages()[run.model_package or ""] == "Approved"
    assert rig.eras()[-1].of(OTHER).baseline_id == run.new_baseline_id

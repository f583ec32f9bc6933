"""won → registered → approved → deployed: the new baseline, the registry, the rollout, the new era."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from baselines import constraints, statistics
from baselines.create import create
from baselines.folder import CONSTRAINTS, STATISTICS, BaselineFiles, read_files
from baselines.versions import import_files
from config.plurals import counted
from config.retraining import Approval
from config.rollout import SETTLING, RolloutKind
from monitor.capture.answers import as_captured
from retrain import alarms, ends, evidence, in_force, own_evaluation, parameters, registry, rollout, tables
from retrain.bench import Bench, RunFailedError
from retrain.ends import End
from retrain.handed import folder, format_of, handed, home, is_scored
from retrain.registry import PackageStatus
from retrain.scored import answers
from retrain.training_run import outputs
from store import deployments, runs
from store.engine import reading
from store.records import Deployment
from store.retraining import Helped, Run, RunReason, RunState

_WAITING = {Approval.ALWAYS: "", Approval.AUTOMATIC: "", Approval.MANUAL: "; it waits for approval"}
"""What a version waits for that has won by Kedge's judging."""


def register(run: Run, bench: Bench) -> Run | None:
    """Write the new baseline beside the model, and register the challenger with all it was judged by."""
    if not is_scored(run):
        return own_evaluation.register(run, bench)
    files = _write_baseline(run, bench)
    if arn := outputs(run).get("model_package_arn"):
        evidence.write_quality(run, bench)
        told = f"The workflow registered the model{_WAITING[bench.retrain.approval]}."
        return bench.move(
            run, RunState.REGISTERED, RunReason.WAITING_FOR_APPROVAL, told, model_package=str(arn)
        )
    sagemaker = bench.world.sagemaker()
    registry.ensure_group(
        sagemaker, bench.retrain.registry, f"Models of endpoint {bench.endpoint.name}, retrained by Kedge"
    )
    again = bench.effects.is_intended("register")
    with reading(bench.world.engine) as connection:
        tried = runs.trials_of(connection, run.id)
    found = bench.effects.once(
        "register",
        lambda: _package(run, bench, files),
        lambda request: {"arn": registry.register(sagemaker, request, look_first=again)},
    )
    waiting = _WAITING[bench.retrain.approval]
    told = f"Registered as {found['arn']}, with {counted(len(tried), 'comparison')}{waiting}."
    return bench.move(
        run, RunState.REGISTERED, RunReason.WAITING_FOR_APPROVAL, told, model_package=found["arn"]
    )


def _package(run: Run, bench: Bench, files: BaselineFiles) -> dict[str, Any]:
    with reading(bench.world.engine) as connection:
        tried = runs.trials_of(connection, run.id)
    return registry.package_request(
        group=bench.retrain.registry,
        run=run,
        endpoint=bench.endpoint.name,
        evidence=evidence.gather(run, bench, files, tried),
        trials=tried,
        champion=_champion_specification(run, bench),
    )


def _champion_specification(run: Run, bench: Bench) -> dict[str, Any] | None:
    package = bench.era(run.deployment_id).model_package
    if package is None:
        return None
    described = registry.describe(bench.world.sagemaker(), package)
    found: dict[str, Any] | None = described.get("InferenceSpecification")
    return found


def _write_baseline(run: Run, bench: Bench) -> BaselineFiles:
    """The new model's baseline: the captured records it was trained on, with its own answers beside them.

    Columns that nothing looks at are in it too: captured records are read by its columns' places.
    """
    if not is_scored(run):
        return own_evaluation.write_baseline(run, bench)
    answer = outputs(run)
    base = folder(run)
    uri = str(handed(run)["score"]["captured"])
    given = answers(bench, answer["predictions"]["captured"])
    schema = bench.schema(bench.era(run.deployment_id))
    inputs = tables.read(bench.read(uri), format_of(run), uri, handed(run)["training"]["features"])
    if inputs.height != given.height:
        raise RunFailedError(
            RunReason.BAD_OUTPUT,
            f"predictions.captured has {given.height} rows where the captured records have {inputs.height}: "
            "score every row, in order",
        )
    answered = inputs.hstack(as_captured(given, bench.endpoint))
    kept = [name for name in schema.names if name in answered.columns]
    profile, suggested = create(answered.select(kept).write_csv().encode(), where=f"{run.name}.csv")
    texts = {STATISTICS: statistics.write(profile), CONSTRAINTS: constraints.write(suggested)}
    place = home(run, bench)
    for name, text in texts.items():
        key = place.key(f"{run.name}/baseline/{name}")
        place.objects.write(key, text.encode(), "application/json")
    return read_files(bench.place(f"{base}/baseline"))


def decide_approval(run: Run, bench: Bench) -> Run | None:
    """Approve by itself where the owner said so; else by the person's word, here or in the registry.

    That a workflow registered its version as approved is nobody's word: it is set back to pending first.
    """
    sagemaker, arn = bench.world.sagemaker(), run.model_package or ""
    if run.approval == "reject":
        declined = End(RunState.DECLINED, RunReason.DECLINED_BY_HAND, "Declined by hand.")
        return ends.conclude(run, bench, declined)
    insisted = bench.retrain.approval is Approval.ALWAYS
    automatic = insisted or (bench.retrain.approval is Approval.AUTOMATIC and is_scored(run))
    if automatic or run.approval == "approve":
        reason = RunReason.APPROVED_AUTOMATICALLY if automatic else RunReason.APPROVED_BY_HAND
        told = "Approved automatically: the challenger won." if automatic else "Approved by hand."
        bench.effects.once("approve", dict, lambda _: registry.approve(sagemaker, arn, told))
        # the word is acted on: until the rollout begins another may be said
        heard = {"approval": None} if run.approval == "approve" else {}
        return bench.move(run, RunState.APPROVED, reason, told, **heard)
    if outputs(run).get("model_package_arn"):
        told = f"Registered by the workflow of {run.name}: it waits for a person's approval."
        bench.effects.once("pend", dict, lambda _: registry.withdraw_approval(sagemaker, arn, told))
    status = registry.status(sagemaker, arn)
    if status is PackageStatus.APPROVED:
        return bench.move(
            run, RunState.APPROVED, RunReason.APPROVED_BY_HAND, "Approved in the model registry."
        )
    if status is PackageStatus.REJECTED:
        return bench.move(
            run, RunState.DECLINED, RunReason.DECLINED_BY_HAND, "Rejected in the model registry."
        )
    return None


def overtaken(run: Run, bench: Bench) -> str | None:
    """What was deployed in place of the champion meanwhile, in a sentence; None where it is still in force.

    That its owner deployed the challenger itself overtakes nobody.

    Raises:
        RolloutError: where AWS may say later what is in force.
    """
    if run.state is RunState.STARTED and not is_scored(run):
        return None  # such a workflow may deploy by itself, and what it made is known once it has ended
    latest, package = bench.eras()[-1], ends.package_of(run)
    if latest.id == run.deployment_id or (package is not None and package in latest.model_packages):
        return None
    if in_force.challenger(run, bench) is not None:
        return None
    return _overtaken_by(run, bench, latest.endpoint_config)


def _overtaken_by(run: Run, bench: Bench, config: str | None) -> str:
    champion = bench.era(run.deployment_id).endpoint_config
    return (
        f"The endpoint was set from {champion or 'its config'} to {config or 'another'} meanwhile, which the "
        "challenger was never compared with: start another run if it is needed."
    )


def _is_left_to_its_owner(run: Run, bench: Bench) -> bool:
    """Whether others deploy, or have deployed already: what was begun so is ended so."""
    if run.new_baseline_id is not None or bench.retrain.rollout.kind is RolloutKind.NONE:
        return True
    return not is_scored(run) and own_evaluation.deployed_already(run, bench, run.model_package)


def deploy(run: Run, bench: Bench) -> Run | None:
    """Roll the model out; once it is in service, its era begins with its baseline, in one transaction."""
    # a rollout that is planned is seen through, also where kedge.yaml has no policy any more
    if not bench.effects.is_answered("plan") and _is_left_to_its_owner(run, bench):
        return _left_to_its_owner(run, bench)
    try:
        return _deploy(run, bench)
    except rollout.RolloutError as error:
        if error.retryable:
            raise
        if isinstance(error, rollout.UnseenError) and bench.effects.is_intended("update"):
            raise error.while_it_goes_on() from error
        if (found := in_force.challenger(run, bench)) is not None:
            return _deployed_by_its_owner(run, bench, found)
        raise RunFailedError(RunReason.ROLLOUT_FAILED, str(error), undeployed=True) from error


def _deploy(run: Run, bench: Bench) -> Run | None:
    sagemaker = bench.world.sagemaker()
    is_noticed = own_evaluation.deployed_already(run, bench, run.model_package)
    if not bench.effects.is_intended("plan") and not is_noticed:
        # nothing is made while an alarm is missing, which fails the run, or in ALARM, which is waited out
        alarms.require(bench.world.cloudwatch(), bench.retrain.rollout.alarms, quiet=True)
    text = bench.effects.once("plan", dict, lambda _: {"plan": _plan(run, bench).text()})["plan"]
    plan = rollout.Plan.read(text)
    is_prepared = _is_prepared(run, plan)
    if run.new_baseline_id is not None and not is_prepared:
        return _left_to_its_owner(run, bench)  # it was begun so, and only the parameters are missing
    champion = bench.era(run.deployment_id).endpoint_config
    # what is prepared was compared with the endpoint then, and its champion's era may get its name since
    if champion != plan.old_config and not is_prepared:
        if (found := in_force.challenger(run, bench)) is not None:
            return _deployed_by_its_owner(run, bench, found)
        if is_noticed:  # beside the champion, as another variant
            return _left_to_its_owner(run, bench)
        if champion is not None:
            raise RunFailedError(RunReason.OVERTAKEN, _overtaken_by(run, bench, plan.old_config))
    run = _prepare_era(run, bench, plan)
    bench.effects.once("model", lambda: plan.model, lambda request: rollout.create_model(sagemaker, request))
    bench.effects.once(
        "config", lambda: plan.config, lambda request: rollout.create_config(sagemaker, request)
    )
    again_since = plan.since if bench.effects.is_intended("update") else None
    bench.effects.once(
        "update",
        lambda: plan.update,
        lambda request: rollout.update(sagemaker, request, plan.old_config, again_since),
    )
    return _in_service(run, bench, plan)


def _deployed_by_its_owner(run: Run, bench: Bench, found: rollout.InService) -> Run | None:
    """The challenger serves, by whatever config its owner made: its era gets its baseline.

    Its first windows are looked at where there is a comparison to hold them against and a way back.
    """
    champion = bench.era(run.deployment_id).endpoint_config
    if champion is None or not is_scored(run):
        return _left_to_its_owner(run, bench, found)
    files = _write_baseline(run, bench) if run.new_baseline_id is None else None
    with bench.lease.transaction() as connection:
        version = import_files(connection, run.monitor_id, files, bench.now).id if files else None
        baseline_id = run.new_baseline_id or version
        era = bench.begin_era(connection, run, found, run.model_package, baseline_id)
        return runs.move(
            connection,
            run,
            RunState.DEPLOYED,
            RunReason.IN_SERVICE,
            f"Its owner deployed it: in service on {found.config}; its first windows are looked at.",
            bench.now,
            old_endpoint_config=champion,
            new_endpoint_config=found.config,
            new_baseline_id=baseline_id,
            new_deployment_id=era,
            approval=None,  # a cancel that came in this very moment is too late
        )


def _left_to_its_owner(run: Run, bench: Bench, found: rollout.InService | None = None) -> Run | None:
    """The new baseline first: whoever notices that the model was deployed finds it, whatever does not answer.

    `found` is the endpoint where it answers by the version already, as far as AWS has been asked.
    """
    if run.new_baseline_id is None:
        run = _keep_baseline(run, bench, found)
    elif found is not None:
        with bench.lease.transaction() as connection:
            bench.begin_era(connection, run, found, run.model_package, run.new_baseline_id)
    parameters.attempted(parameters.publish, run, bench)
    told = "Registered and approved; deploying it is left to its owner."
    if parameters.are_due(bench):
        if bench.now <= run.updated_at + parameters.PATIENCE:
            return None
        told = f"{told} The parameters that are to name it could not be written: set them by hand."
    return bench.move(run, RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE, told, helped=Helped.UNKNOWN)


def _keep_baseline(run: Run, bench: Bench, found: rollout.InService | None) -> Run:
    """Store the new baseline with the run, and with the era of its version where there is one by now.

    That era begins with it where the endpoint was found to answer by the version: no later round looks again.
    """
    files = _write_baseline(run, bench)
    with bench.lease.transaction() as connection:
        version = import_files(connection, run.monitor_id, files, bench.now)
        deployments.lock(connection, run.monitor_id)  # an era that is begun just now is seen
        latest = deployments.eras(connection, run.monitor_id)[-1]
        if run.model_package is not None:  # its owner may have been quicker
            deployments.set_models(connection, latest.judged_by(run.model_package, version.id))
        if found is not None:
            bench.begin_era(connection, run, found, run.model_package, version.id)
        return runs.move(
            connection, run, run.state, run.reason, run.told, bench.now, new_baseline_id=version.id
        )


def _plan(run: Run, bench: Bench) -> rollout.Plan:
    return rollout.plan(
        bench.world.sagemaker(),
        run_name=run.name,
        endpoint=bench.endpoint.name,
        variants=[run.variant],
        package=run.model_package or "",
        rollout=bench.retrain.rollout,
    )


def _is_prepared(run: Run, plan: rollout.Plan) -> bool:
    """Whether the rollout is prepared: that a baseline is stored says it of no run, its owner may deploy."""
    return run.new_endpoint_config == plan.new_config


def _prepare_era(run: Run, bench: Bench, plan: rollout.Plan) -> Run:
    """Store the new baseline before the new config is in force: whoever notices it first finds it.

    The champion's era has a name from here on: else the new config would be taken for its own.
    """
    if _is_prepared(run, plan):
        return run
    files = _write_baseline(run, bench)
    package = _champions_package(run, bench, plan)
    with bench.lease.transaction() as connection:
        _name_champion(connection, run, plan, package)
        version = import_files(connection, run.monitor_id, files, bench.now)
        return runs.move(
            connection,
            run,
            RunState.APPROVED,
            RunReason.ROLLING_OUT,
            f"Rolling out: endpoint config {plan.new_config} in place of {plan.old_config}.",
            bench.now,
            old_endpoint_config=plan.old_config,
            new_endpoint_config=plan.new_config,
            new_baseline_id=version.id,
            approval=None,  # a cancel that came in this very moment is too late
        )


def _is_misnamed(era: Deployment, plan: rollout.Plan) -> bool:
    """Whether an era that the rollout ends has no name, or the new config's, as Kedge once left it."""
    return era.endpoint_config in (None, plan.new_config)


def _champions_package(run: Run, bench: Bench, plan: rollout.Plan) -> str | None:
    """The champion's version; where its era does not say it, AWS is asked what the rollout starts from."""
    era = bench.era(run.deployment_id)
    if not _is_misnamed(era, plan) or era.model_package not in (None, run.model_package):
        return era.model_package
    try:
        return rollout.package_of(bench.world.sagemaker(), plan.old_config, run.variant)
    except rollout.RolloutError as error:
        if error.retryable:
            raise
        return None  # as unknown as it was


def _name_champion(connection: Connection, run: Run, plan: rollout.Plan, package: str | None) -> None:
    """Name the champion's era, which was opened before AWS could be asked, by what the rollout starts from.

    Whoever observes names such an era by the config that is in force, and from the update on that is the new
    model's: its windows and the champion's would be of one era, and be judged by the champion's baseline.
    """
    deployments.lock(connection, run.monitor_id)  # an observer names it before, or finds it named
    era = deployments.eras(connection, run.monitor_id)[-1]
    if era.id != run.deployment_id or not _is_misnamed(era, plan):
        return
    own = era.of(run.variant)
    if own.model_package in (None, run.model_package):
        era = era.with_model(run.variant, package, own.baseline_id, plan.variants)
    deployments.name_config(connection, era, plan.old_config, era.mixed_until)


def _in_service(run: Run, bench: Bench, plan: rollout.Plan) -> Run | None:
    found = rollout.state(bench.world.sagemaker(), bench.endpoint.name)
    if isinstance(found, rollout.Failed):
        told = (
            f"The endpoint failed on its way from {plan.old_config} to {plan.new_config}: {found.reason}. "
            "See to it in SageMaker: Kedge does not touch an endpoint that can't be updated."
        )
        raise rollout.RolloutError(told, False)
    if isinstance(found, rollout.Updating):
        return None
    # what failed before the update is no word about it
    failure = None if found.since.isoformat() == plan.since else found.failure
    is_stale = found.config == plan.old_config and failure is None
    if is_stale and bench.effects.answered_within("update", SETTLING):
        return None
    if found.config != plan.new_config:
        raise rollout.RolloutError(_not_there(plan, found.config, failure), False)
    package = _champions_package(run, bench, plan)
    with bench.lease.transaction() as connection:
        _name_champion(connection, run, plan, package)
        era = bench.begin_era(connection, run, found, run.model_package, run.new_baseline_id)
        return runs.move(
            connection,
            run,
            RunState.DEPLOYED,
            RunReason.IN_SERVICE,
            f"In service on {plan.new_config}; its first windows are looked at.",
            bench.now,
            new_deployment_id=era,
        )


def _not_there(plan: rollout.Plan, config: str, failure: str | None) -> str:
    """Why the endpoint is not on the new config, although no update is under way."""
    if config == plan.old_config and failure:
        return f"SageMaker took the rollout back, the endpoint is on {config} as before: {failure}"
    if config == plan.old_config:
        why = "it stayed on its earlier config, or went back to it, and SageMaker gave no reason"
    else:
        why = failure or "somebody else deployed another config"
    return f"The endpoint is on {config}, not on {plan.new_config}: {why}"

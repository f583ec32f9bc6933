"""A run that rolls out begins an era; so does the service that notices it: there is one all the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import null, update

from monitor import eras
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.rounds import World
from objects import s3_client
from store import deployments
from store.engine import writing
from store.retraining import RunReason, RunState
from store.schema import deployments as eras_table
from tests.clock import MINUTE
from tests.faults import Fault
from tests.loop.rig import OLD_CONFIG, Rig
from tests.observing.replica import until


def switched(rig: Rig) -> str:
    """A run whose endpoint is on the new config, which nobody has noticed; the config's name."""
    rig.breach()
    rig.aws.meets("DescribeEndpoint", *[None] * 2, Fault.THROTTLE)  # of its plan, of its update, of its wait
    run = rig.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: rig.endpoint_config() == run.name)
    assert len(rig.eras()) == 1
    return run.name


def test_who_noticed_it_at_the_same_moment_waits(rig: Rig) -> None:
    config = switched(rig)
    with ThreadPoolExecutor(1) as pool:
        with writing(rig.engine) as connection:
            monitor_id = rig.runs()[0].monitor_id
            deployments.lock(connection, monitor_id)
            eras.follow(connection, monitor_id, InForce(config, rig.clock.now()), rig.clock.now())
            acting = pool.submit(rig.act)
            until(acting.done, seconds=0.7)
        assert acting.result(30) >= 0
    run = rig.until(RunState.DEPLOYED)
    _, new = rig.eras()
    assert (new.id, new.endpoint_config) == (run.new_deployment_id, config)
    assert (new.model_package, new.baseline_id) == (run.model_package, run.new_baseline_id)


def test_an_answer_from_before_the_rollout_ends_nothing(rig: Rig) -> None:
    switched(rig)

    def slow_answer(_: object, _era: object) -> InForce:
        old = InForce(OLD_CONFIG, rig.clock.now())
        rig.until(RunState.DEPLOYED)
        return old

    slow = Observer(World(rig.engine, rig.clock, lambda role: s3_client(None, role), slow_answer, "slow"))
    assert slow.observe(rig.endpoint) is not None
    assert [era.endpoint_config for era in rig.eras()] == [OLD_CONFIG, rig.runs()[0].name]


def unname(rig: Rig, *, package: bool) -> None:
    """The champion's era is as it was opened while AWS could not be asked; its version is known, or not."""
    unknown = {"endpoint_config": null()} if package else {"endpoint_config": null(), "model_package": null()}
    with writing(rig.engine) as connection:
        connection.execute(update(eras_table).values(unknown))


@pytest.mark.parametrize("package", [True, False], ids=["version known", "version unknown"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_champion_whose_era_gets_its_name_during_the_rollout_ends_nothing(
    breached: Rig, when: str, package: bool
) -> None:
    """Without a name it is named by whatever config is in force; `during` is how an older Kedge left it."""
    rig, champion = breached, breached.package
    rig.retrain = {"approval": "manual"}
    rig.until(RunState.REGISTERED)
    if when == "before":
        unname(rig, package=package)
    rig.retrain = {}
    # of its plan, without a name of a look at what is in force, of its update, of its wait
    rig.aws.meets("DescribeEndpoint", *[None] * (3 if when == "before" else 2), Fault.THROTTLE)
    run = rig.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: rig.endpoint_config() == run.name)
    if when == "during":
        unname(rig, package=package)
    rig.package = run.model_package or ""
    rig.clock.at += MINUTE
    rig.observe()
    run = rig.until(RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.DEPLOYED, RunReason.IN_SERVICE)
    first, new = rig.eras()
    assert (first.id, first.endpoint_config, first.model_package) == (run.deployment_id, OLD_CONFIG, champion)
    assert (new.id, new.endpoint_config) == (run.new_deployment_id, run.name)
    assert (new.model_package, new.baseline_id) == (run.model_package, run.new_baseline_id)
    assert new.baseline_id not in (None, first.baseline_id)

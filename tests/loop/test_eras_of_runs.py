"""A run that rolls out begins an era; so does the service that notices it: there is one all the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from monitor import eras
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.rounds import World
from objects import s3_client
from store import deployments
from store.engine import writing
from store.retraining import RunReason, RunState
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

"""An AWS that throttles, fails and loses answers between the service and itself: the same result."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from demo.aws import LocalAws
from tests.faults import Fault, faulty
from tests.loop.yard import require_once, yard
from tests.observing.replica import Replica

_BAD = [Fault.THROTTLE, Fault.FAIL, Fault.DROP, Fault.LATE_FAIL, Fault.REFUSE]
_CALLS = (
    "StartExecution",
    "DescribeExecution",
    "CreateModelPackage",
    "UpdateModelPackage",
    "CreateModel",
    "CreateEndpointConfig",
    "UpdateEndpoint",
    "PUT object",
)
_PUTS = 5  # of an object: one more than boto3 tries by itself


@pytest.mark.timeout(600)
def test_an_aws_that_answers_badly(tmp_path: Path) -> None:
    seed = int(os.environ.get("KEDGE_SOAK_SEED", "21"))
    chance = np.random.default_rng(seed)
    database = f"sqlite:///{tmp_path}/kedge.db"
    with (
        LocalAws(update_seconds=0.3) as aws,
        faulty(aws) as proxy,
        yard(seed, tmp_path, database, aws, proxy.url) as made,
    ):
        told = {}
        for call in _CALLS:
            faults = chance.choice(len(_BAD), _PUTS if call == "PUT object" else 3).tolist()
            told[call] = [_BAD[at] for at in faults]
            proxy.meets(call, *told[call])
        print(f"seed {seed}: {told}")  # noqa: T201 (shown where the test fails)
        with Replica(made.config, made.environment, log=tmp_path / "serve.log") as replica:
            made.play()
            assert replica.stop() == 0
        require_once(made, replica.lines(whole=True))
        # what took effect unanswered may need no further call
        assert {call for call in _CALLS if proxy.seen(call) < 2} == set()
        assert replica.events("run_waits")

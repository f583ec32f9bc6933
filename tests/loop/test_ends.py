"""How runs end: each in a state, for a reason, with a sentence that says why."""

from __future__ import annotations

from store.retraining import Helped, RunReason, RunState
from tests.loop.rig import Rig


def test_a_better_challenger_is_adopted(rig: Rig) -> None:
    rig.breach()
    rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger()
    rig.pass_hours("changed")
    run = rig.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.FIRST_WINDOWS_GOOD, Helped.HELPED)
    assert rig.endpoint_config() == run.name
    assert list(rig.packages().values()) == ["Approved"]
    first, second = rig.eras()
    assert (second.endpoint_config, second.baseline_id) == (run.name, run.new_baseline_id)
    assert first.baseline_id != second.baseline_id

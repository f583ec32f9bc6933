"""Whether to retrain: a pure decision, one file an idea.

decision     decide: what is a reason to retrain, and what forbids it
├── facts        what bears on it beside the windows, and the verdict
├── weighing     a condition over the windows: N of M
├── change       where a breach began, however far back
├── hysteresis   a breach that was decided on stays one until it has cleared
├── rest         the cooldown, longer after each attempt in vain
├── cost         what the errors cost against what a training costs
├── past         runs and earlier decisions as facts
└── words        all of it in sentences
"""

from retrain.policy.change import changed_at
from retrain.policy.decision import decide
from retrain.policy.facts import DecidedOn, Facts, Verdict

__all__ = ["DecidedOn", "Facts", "Verdict", "changed_at", "decide"]

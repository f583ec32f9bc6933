"""A policy replayed against the recorded past: when it would have asked for a run, and why not when not.

It is the service's own `decide`, asked at the moments at which the service asks, about what was known then.
What was recorded stays as it was: a run that the replay asks for changes no recorded window and no era.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from config import durations
from config.model import Endpoint
from config.retraining import Retrain
from retrain.deciding import gravest, looked_at, with_own
from retrain.policy import Facts, Verdict, decide
from retrain.policy.past import Attempt, Yes, acted_on, facts, would_have
from retrain.policy.weighing import Looks
from retrain.readings import with_faults
from retrain.recorded import Moment, Recorded, Reference, Seen, is_of
from store.records import Deployment
from store.retraining import Arrived, DecisionReason


@dataclass(frozen=True, slots=True)
class Assumed:
    """What becomes of a run that never was: how long it takes, and whether its model wins."""

    takes: timedelta = timedelta(hours=2)
    wins: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """All that a replay takes for granted, in sentences."""
        ending = "wins and helps" if self.wins else "loses"
        return (
            "What was recorded stays as it was: a run that is asked for here changes no window and no era.",
            f"A run that never was takes {durations.spell(self.takes)} and {ending}; "
            "one that was asked for at the same moment ends as it did.",
            "Runs asked for by hand, and those before the period, count as they were.",
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What the policy says at one moment; `recorded` is what it said then, None where it was not asked."""

    at: datetime
    upto_execution_id: int
    variant: str
    verdict: Verdict
    recorded: DecisionReason | None

    @property
    def asks(self) -> bool:
        """Whether a run is asked for, be it in a dry run."""
        return acted_on(self.verdict.reason, dry_run=True)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole replay, oldest decision first."""

    decisions: tuple[Said, ...]
    assumed: Assumed

    @property
    def yeses(self) -> tuple[Said, ...]:
        """When a run would have been asked for."""
        return tuple(each for each in self.decisions if each.asks)

    @property
    def noes(self) -> dict[DecisionReason, int]:
        """How often each reason said no, the most frequent first."""
        count = Counter(each.verdict.reason for each in self.decisions if not each.asks)
        return dict(count.most_common())

    def newest(self, reason: DecisionReason) -> Said:
        """The last decision of this reason. Raises StopIteration where there is none."""
        return next(each for each in reversed(self.decisions) if each.verdict.reason is reason)


def simulate(
    recorded: Recorded,
    endpoint: Endpoint,
    retrain: Retrain,
    reference: Reference,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    assumed: Assumed = Assumed(),
) -> Simulation:
    """Ask `retrain` at each recorded moment of the period (its end left out).

    Raises what `reference` raises where no decision kept what a model was registered with.
    """
    replay = _Replay(recorded, endpoint, retrain, reference, assumed)
    for moment in recorded.moments():
        if end is not None and moment.at >= end:
            break
        replay.seen.walk(moment.upto)
        if start is None or moment.at >= start:
            replay.ask(moment)
        else:
            replay.pass_by(moment)
    return Simulation(tuple(replay.said), assumed)


@dataclass(slots=True)
class _Replay:
    recorded: Recorded
    endpoint: Endpoint
    retrain: Retrain
    reference: Reference
    assumed: Assumed
    seen: Seen = field(init=False)
    _looks: Looks = field(default_factory=Looks)
    _references: dict[tuple[int, str], Mapping[str, float]] = field(default_factory=dict)
    """What the model of an era's variant was registered with, where a moment's decision has not kept it."""
    said: list[Said] = field(default_factory=list)
    _made: list[Attempt] = field(default_factory=list)
    """What the replay asked for, and what was really asked for before it began."""
    _yeses: list[Yes] = field(default_factory=list)
    _acted_upto: int = 0

    def __post_init__(self) -> None:
        self.seen = Seen(self.recorded)

    def pass_by(self, moment: Moment) -> None:
        """What was decided before the period counts as it was."""
        decision = moment.decision
        if decision is None or not acted_on(decision.reason, dry_run=self.retrain.dry_run):
            return
        self._yeses.append(Yes.of(decision))
        # of a batch that still grew, too, all that had come
        came = self._arrived(moment)
        self._acted_upto = max(self._acted_upto, decision.upto_object_id, came.upto if came else 0)
        real = self._real(moment.at)
        self._made.append(real or would_have(decision))

    def ask(self, moment: Moment) -> None:
        """Decide, and follow up a yes."""
        era = self.recorded.era(moment)
        variants = () if era is None else self._variants(moment, era)
        if era is None or not variants:
            return

        def answered(variant: str) -> Verdict:
            known = self._facts(moment, era, variant)
            limit = looked_at(self.retrain, known, self.endpoint.window, moment.at)
            faults = self.recorded.data_faults(moment, era, variant)
            quality = self._quality(moment, era, variant)
            windows = with_faults(self.seen.windows(era, variant, limit, quality), faults)
            return decide(self.retrain, windows, known, moment.at, self._looks)

        variant, verdict = gravest({variant: answered(variant) for variant in variants})
        before = moment.decision.reason if moment.decision else None
        self.said.append(Said(moment.at, moment.upto, variant, verdict, before))
        if acted_on(verdict.reason, dry_run=self.retrain.dry_run):
            self._follow(moment, era, Yes.said(verdict, variant, moment.at), verdict)

    def _quality(self, moment: Moment, era: Deployment, variant: str) -> Mapping[str, float]:
        """What a model was registered with, as decisions saw it; else the registry is asked, once."""
        decision = moment.decision
        if decision is not None and decision.reference and is_of(decision, era, variant):
            return decision.reference
        if (era.id, variant) not in self._references:
            kept = self.recorded.kept_reference(era, variant)
            self._references[era.id, variant] = kept or self.reference(era.of(variant))
        return self._references[era.id, variant]

    def _variants(self, moment: Moment, era: Deployment) -> tuple[str, ...]:
        """Those that have judged windows by then, and the one decided on, which may have none yet."""
        if self.endpoint.variant:
            return (self.endpoint.variant,)
        judged, decision = self.seen.variants(era), moment.decision
        if decision is not None and decision.variant is not None and decision.deployment_id == era.id:
            return tuple(sorted({*judged, decision.variant}))
        return with_own(judged)

    def _follow(self, moment: Moment, era: Deployment, yes: Yes, verdict: Verdict) -> None:
        self._yeses.append(yes)
        came = self._arrived(moment)
        self._acted_upto = max(self._acted_upto, came.upto if came else 0)
        if not verdict.reason.is_yes:
            self._made.append(Attempt("a dry run", moment.at, moment.at, None, None))
            return
        ended = moment.at + self.assumed.takes
        supposed = Attempt(
            f"the run of {moment.at:%Y-%m-%d %H:%M} UTC",
            moment.at,
            ended,
            era.endpoint_config,
            not self.assumed.wins,
        )
        self._made.append(self._real(moment.at) or supposed)

    def _real(self, at: datetime) -> Attempt | None:
        """The run that the policy really asked for at this moment."""
        asked = (each for each, by_policy in self.recorded.attempts if by_policy)
        return next((each for each in asked if each.requested_at == at), None)

    def _arrived(self, moment: Moment) -> Arrived | None:
        """The training data that nothing had acted on yet."""
        wanted = self.retrain.new_data
        if wanted is None:
            return None
        return self.recorded.arrived(moment, wanted.prefix, wanted.look, self._acted_upto)

    def _facts(self, moment: Moment, era: Deployment, variant: str) -> Facts:
        by_hand = (each for each, by_policy in self.recorded.attempts if not by_policy)
        attempts = [*self._made, *by_hand]
        return facts(
            _as_of(attempts, moment.at),
            self._yeses[::-1],
            era=era,
            began_at=max(era.started_at, self.recorded.began_at or era.started_at),
            variant=variant,
            data_fault=self.recorded.data_fault(moment, era),
            arrived=self._arrived(moment),
        )


def _as_of(attempts: Sequence[Attempt], at: datetime) -> list[Attempt]:
    """The attempts that were known then, newest first; one that ended later was under way."""
    known = [
        each
        if each.ended_at is not None and each.ended_at <= at
        else replace(each, ended_at=None, in_vain=None)
        for each in attempts
        if each.requested_at <= at
    ]
    return sorted(known, key=lambda each: each.requested_at, reverse=True)

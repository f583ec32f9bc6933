"""What is known of a window: its records, summarised, and how many it lost."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from baselines.profile import codec
from baselines.profile.profile import Profile
from monitor import rollups
from monitor.rollups import Sum
from store import rollups as stored
from store import windows
from store.records import NewRollup, Piece, Window


@dataclass(frozen=True, slots=True)
class Evidence:
    """A window's profile and how many records it lost; `fresh` are sums that are worth keeping."""

    profile: Profile
    rejected: int
    fresh: tuple[NewRollup, ...] = ()


def gather(connection: Connection, window: Window) -> Evidence:
    """A window's segments added up, or what was kept when they were let go."""
    settled = windows.kept(connection, window.id)
    if settled is not None:
        return Evidence(codec.decode(settled[0]), settled[1])
    kept = stored.of_window(connection, window.id)
    key = (window.monitor_id, window.start, window.variant, window.deployment_id)
    total = rollups.plan(kept, stored.pieces(connection, *key, rollups.gaps(kept)))
    if total is None:  # every object that gave it records was written anew, with records of other windows
        return Evidence(Profile.empty(), 0)
    encoded = stored.profiles(connection, list(rollups.used(total)))
    return _added_up(total, encoded)


@dataclass(frozen=True, slots=True)
class _Amount:
    profile: Profile
    rejected: int

    def __add__(self, other: _Amount) -> _Amount:
        return _Amount(self.profile + other.profile, self.rejected + other.rejected)


def _added_up(total: Sum, encoded: dict[int, bytes]) -> Evidence:
    worth = total.additions >= rollups.WORTH_KEEPING
    fresh: list[NewRollup] = []

    def amount(of: Sum | Piece) -> _Amount:
        if isinstance(of, Piece):
            return _Amount(codec.decode(of.profile), of.rejected)
        whole = None if of.kept is None else _Amount(codec.decode(encoded[of.kept.id]), of.kept.rejected)
        for part in of.parts[: of.closed]:
            whole = amount(part) if whole is None else whole + amount(part)
        if worth and whole is not None and of.closed + (of.kept is not None) > 1:
            upto = of.parts[of.closed - 1]
            fresh.append(_kept(of, upto.place if isinstance(upto, Piece) else upto.upto, whole))
        for part in of.parts[of.closed :]:
            whole = amount(part) if whole is None else whole + amount(part)
        assert whole is not None  # noqa: S101 (a sum has a part, or was kept)
        return whole

    found = amount(total)
    return Evidence(found.profile, found.rejected, tuple(fresh))


def _kept(of: Sum, upto: str, whole: _Amount) -> NewRollup:
    # deflating takes longer than all the rest of keeping a sum, which does not stay for long
    profile = codec.encode(whole.profile, deflated=False)
    return NewRollup(of.level, of.after, upto, whole.rejected, profile)


def keep(connection: Connection, window: Window, evidence: Evidence) -> None:
    """Keep what spares the next evaluation of the window its additions."""
    stored.keep(connection, window.id, evidence.fresh)

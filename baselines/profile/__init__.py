"""The mergeable summary of records: `profile(a + b) == profile(a) + profile(b)`."""

from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType, TypeCounts

__all__ = ["ColumnProfile", "DataType", "Profile", "TypeCounts", "profile_frame"]

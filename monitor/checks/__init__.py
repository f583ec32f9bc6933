"""Checks: each a pure function from profiles and constraints to a result."""

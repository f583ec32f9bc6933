"""Distances between what a feature is and what its baseline says: one idea a file, pure functions."""

"""Judging: what a window is found to be."""

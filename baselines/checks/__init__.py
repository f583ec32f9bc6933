"""Checks of a profile against constraints.json, whatever was profiled: a window, or a training set."""

"""Observing: what the endpoints captured, held against what their data should look like."""

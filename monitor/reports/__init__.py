"""Drift reports: a period of an endpoint against its baseline, as one HTML file that needs no network.

Nothing is imported here: `monitor.reports.document` brings plotly along, which takes a second.
"""

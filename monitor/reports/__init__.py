"""Drift reports: a period of an endpoint against its baseline, as one HTML file that needs no network."""

from monitor.reports.document import ReportDocument, write_report
from monitor.reports.period import ReportError

__all__ = ["ReportDocument", "ReportError", "write_report"]

"""Writing a report: Kedge's own verdict first, then rows or pictures, in one page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine

from config.model import Endpoint
from monitor.reports import pictures, sampled
from monitor.reports.period import Facts, gather
from monitor.reports.pictures import Picture
from monitor.reports.sampled import Sampled
from store.engine import reading


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A report as a page that needs nothing else, and what it is in one sentence, for lists of reports."""

    html: str
    note: str


def write_report(
    *, engine: Engine, endpoint: Endpoint, start: datetime, end: datetime, now: datetime
) -> ReportDocument:
    """The report on the windows that lie between `start` and `end`; raises ReportError.

    Evidently looks at the sampled rows where there are any and the extra is installed; else there are
    pictures, rebuilt from the profiles. The page says which, and why.
    """
    with reading(engine) as connection:
        facts = gather(connection, endpoint, start, end, now)
    rows = _rows(facts)
    drawn = pictures.drawn(facts.compared, endpoint.distance) if facts.compared and rows is None else ()
    return ReportDocument(_page(facts, rows, drawn), _note(facts, rows))


def _rows(facts: Facts) -> Sampled | None:
    compared = facts.compared
    if compared is None or not compared.profile.sample.rows.height or not sampled.is_installed():
        return None
    return sampled.compare(compared, facts.endpoint.distance)


def _page(facts: Facts, rows: Sampled | None, drawn: tuple[Picture, ...]) -> str:
    return (
        _environment()
        .get_template("report.html")
        .render(
            facts=facts,
            rows=rows,
            pictures=drawn,
            no_rows=_why_no_rows(facts),
            plotly=pictures.plotly_script() if drawn else "",
        )
    )


def _why_no_rows(facts: Facts) -> str:
    if facts.compared is None:
        return "There is nothing to compare: no window here has a baseline and a profile that is kept."
    if not facts.endpoint.sample_rows and not facts.compared.profile.sample.rows.height:
        return "No rows are kept of this endpoint (sample_rows is 0 in kedge.yaml)."
    if not facts.compared.profile.sample.rows.height:
        return "No rows were kept of this period."
    if not sampled.is_installed():
        return "Rows were kept, but Evidently is not installed: pip install 'kedge[evidently]'."
    return "Rows were kept, but no feature of theirs can be compared with the baseline."


def _note(facts: Facts, rows: Sampled | None) -> str:
    if not facts.judged:
        return "no window was judged in this period"
    count = len(facts.judged)
    what = f"Evidently on {rows.rows} sampled rows" if rows else "pictures from the profiles"
    return f"{facts.violated} of {count} window{'s' * (count != 1)} with violations; {what}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "moment": _moment}
    return environment


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}"


def _moment(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"

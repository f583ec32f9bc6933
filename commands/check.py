"""`kedge check`: one comparison, no database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    endpoint_of,
    load_config,
    moment,
    print_json,
    write_files,
)
from config.model import Distance

if TYPE_CHECKING:
    from monitor.comparison import Comparison


def check(
    capture: Annotated[str, typer.Option(help="A captured file, a folder of them, or s3://…")],
    baseline: Annotated[str, typer.Option(help="The folder with statistics.json and constraints.json.")],
    output: Annotated[
        Path | None, typer.Option(help="The folder to write the three result files to.")
    ] = None,
    distance: Annotated[
        Distance, typer.Option(help="Right distances, or Model Monitor's.")
    ] = Distance.CORRECT,
    start: Annotated[str | None, typer.Option(help="Inferences from here on.")] = None,
    end: Annotated[str | None, typer.Option(help="Inferences before then.")] = None,
    fail_on_violations: Annotated[
        bool, typer.Option("--fail-on-violations", help="Exit with status 3 where there are violations.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Take columns, fields and exclude from this entry of kedge.yaml."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Compare captured records with a baseline and write Model Monitor's files.

    Example: kedge check --capture demo-output/capture --baseline demo-output/baseline --output results
    """
    from baselines import versions
    from monitor.capture.schema import schema_of, schema_of_baseline
    from monitor.comparison import Period, compare, find
    from objects import open_place

    period = Period(moment(start), moment(end))
    files = versions.read_files(open_place(baseline))
    profile, constraints = versions.parse(files)
    schema = (
        schema_of_baseline(constraints, files.source)
        if endpoint is None
        else schema_of(endpoint_of(load_config(config), endpoint, config), constraints)
    )
    found = compare(*find(capture), profile, constraints, schema, distance, period)
    if output is not None:
        _write(output, found)
    (_tell_json if as_json else _tell)(found)
    if fail_on_violations and found.verdict.violations:
        raise typer.Exit(3)


def _write(output: Path, found: Comparison) -> None:
    from baselines import constraints, statistics, versions
    from monitor import violations
    from monitor.publish import VIOLATIONS

    write_files(
        output,
        {
            versions.STATISTICS: statistics.write(found.profile),
            versions.CONSTRAINTS: constraints.write(constraints.suggest(found.profile)),
            VIOLATIONS: violations.write(found.verdict.violations),
        },
    )


def _tell(found: Comparison) -> None:
    from monitor.violations import completion_message

    for bad in found.bad:
        for example in bad.rejects.examples:
            line = f" line {example.line}" if example.line else ""
            column = f" column {example.column}" if example.column else ""
            typer.echo(f"{bad.key}{line}{column}: {example.kind}: {example.detail}", err=True)
    typer.echo(f"{found.profile.rows} records in {found.objects} objects, {_lost(found)} rejected")
    for violation in found.verdict.violations:
        typer.echo(f"{violation.feature}  {violation.check}  {violation.detail}")
    typer.echo(completion_message(len(found.verdict.violations)))


def _lost(found: Comparison) -> int:
    return sum(bad.rejects.lost for bad in found.bad)


def _tell_json(found: Comparison) -> None:
    print_json(
        {
            "objects": found.objects,
            "records": found.profile.rows,
            "rejected": _lost(found),
            "rejects": [
                {
                    "key": bad.key,
                    "kind": example.kind,
                    "line": example.line,
                    "column": example.column,
                    "detail": example.detail,
                }
                for bad in found.bad
                for example in bad.rejects.examples
            ],
            "checks": [
                {
                    "feature": check.feature,
                    "check": check.check,
                    "outcome": check.outcome,
                    "value": check.value,
                    "threshold": check.threshold,
                    "detail": check.detail,
                }
                for check in found.verdict.checks
            ],
            "violations": len(found.verdict.violations),
        }
    )

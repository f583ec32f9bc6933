"""`kedge check`: one comparison, no database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    Assumed,
    ConfigPath,
    assumptions,
    endpoint_of,
    load_config,
    moment,
    print_json,
    write_files,
)
from config.model import Distance

if TYPE_CHECKING:
    from monitor.comparison import Comparison
    from monitor.disagreement import SideBySide
    from store.records import CheckRow


class Shown(StrEnum):
    """Whose numbers are shown."""

    COMPAT = "compat"
    CORRECT = "correct"
    BOTH = "both"


COMPAT_FOLDER = "compat"
"""Where `--distance both` puts Model Monitor's constraint_violations.json, beside the right one."""


def check(
    capture: Annotated[str, typer.Option(help="A captured file, a folder of them, or s3://…")],
    baseline: Annotated[str, typer.Option(help="The folder with statistics.json and constraints.json.")],
    output: Annotated[
        Path | None, typer.Option(help="The folder to write the three result files to.")
    ] = None,
    distance: Annotated[
        Shown, typer.Option(help="Right distances, Model Monitor's, or both side by side.")
    ] = Shown.CORRECT,
    start: Annotated[str | None, typer.Option(help="Inferences from here on.")] = None,
    end: Annotated[str | None, typer.Option(help="Inferences before then.")] = None,
    preprocess: Annotated[
        str | None, typer.Option(help="A script whose preprocess_handler makes records of captured lines.")
    ] = None,
    postprocess: Annotated[
        str | None,
        typer.Option(help="A script whose postprocess_handler is run on the results; needs --output."),
    ] = None,
    fail_on_violations: Annotated[
        bool, typer.Option("--fail-on-violations", help="Exit with status 3 where there are violations.")
    ] = False,
    assume: Assumed = None,
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
    from monitor.comparison import Period, compare, find, judged
    from monitor.hooks.script import read_script
    from objects import open_place

    if postprocess is not None and output is None:
        raise typer.BadParameter("the script reads the written results: give --output too")
    made_by = None if preprocess is None else read_script(preprocess)
    ending = None if postprocess is None else read_script(postprocess)
    period = Period(moment(start), moment(end))
    files = versions.read_files(open_place(baseline))
    profile, constraints = versions.parse(files)
    schema = (
        schema_of_baseline(constraints, files.source)
        if endpoint is None
        else schema_of(endpoint_of(load_config(config), endpoint, config), constraints)
    )
    assumed = assumptions(assume)
    mode = Distance.COMPAT if distance is Shown.COMPAT else Distance.CORRECT
    found = compare(*find(capture), profile, constraints, schema, mode, period, assumed, made_by)
    if output is not None:
        _write(output, found)
    both: tuple[SideBySide, ...] = ()
    if distance is Shown.BOTH:
        from monitor.disagreement import side_by_side

        compat = judged(found.profile, profile, constraints, schema, Distance.COMPAT, assumed)
        both = side_by_side(compat, found.verdict, found.profile, profile)
        if output is not None:
            _write_violations(output / COMPAT_FOLDER, compat.violations)
    for said in found.said:
        typer.echo(f"{said.key}: {preprocess} printed:\n{said.text}", err=True)
    if ending is not None and output is not None:
        from monitor.hooks.postprocess import run_postprocess

        typer.echo(run_postprocess(ending, output).said, nl=False, err=True)
    (_tell_json if as_json else _tell)(found, both)
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


def _write_violations(output: Path, rows: tuple[CheckRow, ...]) -> None:
    from monitor import violations
    from monitor.publish import VIOLATIONS

    write_files(output, {VIOLATIONS: violations.write(rows)})


def _tell(found: Comparison, both: tuple[SideBySide, ...]) -> None:
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
    if both:
        typer.echo("\nModel Monitor's verdict (compat) beside the right one (correct), where they differ:")
    for pair in (each for each in both if each.why):
        typer.echo(
            f"{pair.feature}  {pair.check}  {_short(pair.compat)} | {_short(pair.correct)}  {pair.why}"
        )
    if both and not any(each.why for each in both):
        typer.echo("They agree on every check.")


def _short(row: CheckRow | None) -> str:
    if row is None:
        return "-"
    return row.outcome if row.value is None else f"{row.outcome} {row.value:.4g}"


def _lost(found: Comparison) -> int:
    return sum(bad.rejects.lost for bad in found.bad)


def _tell_json(found: Comparison, both: tuple[SideBySide, ...]) -> None:
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
            "both": [
                {
                    "feature": pair.feature,
                    "check": pair.check,
                    "compat": _pair_json(pair.compat),
                    "correct": _pair_json(pair.correct),
                    "why": pair.why,
                }
                for pair in both
            ],
        }
    )


def _pair_json(row: CheckRow | None) -> dict[str, object] | None:
    return None if row is None else {"outcome": row.outcome, "value": row.value, "threshold": row.threshold}

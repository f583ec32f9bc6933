"""`kedge check`: one comparison, no database."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError
from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    Assumed,
    ConfigPath,
    assumptions,
    endpoint_of,
    load_config,
    local_path,
    moment,
    print_json,
    require_order,
    write_files,
)
from config.distance import Distance
from config.plurals import counted

if TYPE_CHECKING:
    from baselines.profile.profile import Profile
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
        Path | None,
        typer.Option(help="The folder to write the three result files to.", callback=local_path),
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
        bool,
        typer.Option(
            "--fail-on-violations",
            help="Exit with status 3 where there are violations, other units or too many lost records.",
        ),
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
    from baselines import folder
    from commands.once import keep_freed_memory
    from config.clock import clock_from_environment
    from monitor.capture.schema import in_own_types, schema_of, schema_of_baseline, text_columns
    from monitor.comparison import Period, find, gather, held_against, judged
    from monitor.hooks.script import read_script
    from monitor.losses import fault_of_losses, nothing_usable
    from monitor.violations import VIOLATIONS
    from monitor.windows import inference_times
    from objects import open_place

    if postprocess is not None and output is None:
        raise typer.BadParameter("the script reads the written results: give --output too")
    keep_freed_memory()
    made_by = None if preprocess is None else read_script(preprocess)
    ending = None if postprocess is None else read_script(postprocess)
    period = Period(moment(start), moment(end))
    require_order(period.start, period.end)
    files = folder.read_files(open_place(baseline))
    profile, constraints = folder.parse(files)
    schema = (
        schema_of_baseline(constraints, files.source)
        if endpoint is None
        else schema_of(endpoint_of(load_config(config), endpoint, config), constraints)
    )
    assumed = assumptions(assume)
    mode = Distance.COMPAT if distance is Shown.COMPAT else Distance.CORRECT
    possible = inference_times(clock_from_environment(dict(os.environ)).now())
    gathered = gather(*find(capture), schema, period, made_by, possible)
    for said in gathered.said:
        typer.echo(f"{said.key}: {preprocess} printed:\n{said.text}", err=True)
    if (nothing := nothing_usable(capture, gathered, period)) is not None:
        raise CommandError(nothing)
    found = held_against(gathered, profile, constraints, schema, mode, assumed)
    fault = fault_of_losses(found.profile.rows, found.lost, found.bad)
    if output is not None:
        own = None if made_by is not None else in_own_types(constraints, found.profile)
        written = found.profile
        if own is not None:  # what is told of the data itself has its own types, not the baseline's
            typed = replace(schema, text=text_columns(own.features) & frozenset(schema.names))
            written = gather(*find(capture), typed, period, None, possible).profile
        _write(output, written, found)
    both: tuple[SideBySide, ...] = ()
    if distance is Shown.BOTH:
        from monitor.disagreement import side_by_side

        compat = judged(found.profile, profile, constraints, schema, Distance.COMPAT, assumed)
        both = side_by_side(compat, found.verdict, found.profile, profile)
        if output is not None:
            _write_violations(output / COMPAT_FOLDER, compat.violations)
    elif output is not None:  # of another run, and of other data
        (output / COMPAT_FOLDER / VIOLATIONS).unlink(missing_ok=True)
    if ending is not None and output is not None:
        from monitor.hooks.postprocess import run_postprocess

        typer.echo(run_postprocess(ending, output).said, nl=False, err=True)
    (_tell_json if as_json else _tell)(found, fault, both)
    if fail_on_violations and (found.verdict.violations or fault):
        raise typer.Exit(3)


def _write(output: Path, current: Profile, found: Comparison) -> None:
    from baselines import constraints, folder, statistics
    from monitor import violations
    from monitor.violations import VIOLATIONS

    write_files(
        output,
        {
            folder.STATISTICS: statistics.write(current),
            folder.CONSTRAINTS: constraints.write(constraints.suggest(current)),
            VIOLATIONS: violations.write(found.verdict.violations),
        },
    )


def _write_violations(output: Path, rows: tuple[CheckRow, ...]) -> None:
    from monitor import violations
    from monitor.violations import VIOLATIONS

    write_files(output, {VIOLATIONS: violations.write(rows)})


def _tell(found: Comparison, fault: str | None, both: tuple[SideBySide, ...]) -> None:
    from monitor.violations import completion_message, in_file

    for bad in found.bad:
        for sentence in bad.sentences():
            typer.echo(sentence, err=True)
    typer.echo(
        f"{counted(found.profile.rows, 'record')} in {counted(found.objects, 'object')}, "
        f"{_lost(found)} rejected"
    )
    if fault is not None:
        typer.echo(fault)
    for violation in found.verdict.violations:
        typer.echo(f"{violation.feature}  {violation.check}  {violation.detail}")
    typer.echo(completion_message(len(in_file(found.verdict.violations))))
    if units := _unit_changes(found):
        features = "1 feature has" if units == 1 else f"{units} features have"
        typer.echo(f"{features} another unit, which Model Monitor does not check and its files do not say.")
    differing = [pair for pair in both if pair.why]
    if differing:
        typer.echo("\nModel Monitor's verdict (compat) beside the right one (correct), where they differ:")
    for pair in differing:
        typer.echo(
            f"{pair.feature}  {pair.check}  {_short(pair.compat)} | {_short(pair.correct)}  {pair.why}"
        )
    if both and not differing:
        typer.echo("Model Monitor's verdict (compat) and the right one (correct) agree on every check.")


def _short(row: CheckRow | None) -> str:
    if row is None:
        return "-"
    return row.outcome if row.value is None else f"{row.outcome} {row.value:.4g}"


def _unit_changes(found: Comparison) -> int:
    from baselines.checks.names import Check

    return sum(row.check == Check.UNIT for row in found.verdict.violations)


def _lost(found: Comparison) -> int:
    return sum(bad.rejects.lost for bad in found.bad)


def _tell_json(found: Comparison, fault: str | None, both: tuple[SideBySide, ...]) -> None:
    from monitor.violations import in_file

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
            "rejects_by_kind": [
                {"key": bad.key, "kind": kind, "count": count}
                for bad in found.bad
                for kind, count in bad.rejects.counts.items()
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
            "violations": len(in_file(found.verdict.violations)),
            "unit_changes": _unit_changes(found),
            "data_fault": fault,
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

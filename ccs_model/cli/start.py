"""`ccs-model new DIR`: a scenario that runs as it is, an inventory to fill in and the editor's schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ccs_model.cli.new_files import write_atomic, write_new
from ccs_model.errors import DONE, CcsModelError, FileError, InputError, Issue


@click.command(
    epilog="""\b
Example:
  ccs-model new my-zone
  ccs-model optimize my-zone/scenario.yaml

Exit codes: 0 done, 8 a file is there already or cannot be written.
"""
)
@click.argument("dir", metavar="DIR", type=click.Path(path_type=Path))
def new(dir: Path) -> int:
    """Write scenario.yaml, plants.xlsx and scenario.schema.json into DIR. Nothing is overwritten."""
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.inventory_template import template
    from ccs_model.scenario import json_schema
    from ccs_model.scenario.resolved import starter

    name = "".join(sign for sign in dir.resolve().name if sign.isprintable()).strip()[:100] or "My scenario"
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    write_new(
        dir,
        {
            "scenario.yaml": starter(name).encode(),
            "plants.xlsx": template(load_inputs()),
            "scenario.schema.json": schema.encode(),
        },
    )
    click.echo(
        f"{dir}: scenario.yaml (runs as it is), plants.xlsx (an inventory to fill in), scenario.schema.json\n"
        f"Next: ccs-model optimize {dir / 'scenario.yaml'}"
    )
    return DONE


# `ccs-model template FILE.xlsx`: an inventory workbook to fill in.


@click.command(
    epilog="""\b
Example:
  ccs-model template plants.xlsx

Fill in a row for each plant, name the file in your scenario (plants: {inventory: [plants.xlsx]}), then
run `ccs-model check scenario.yaml`. Exit codes: 0 done, 2 usage, 8 the file is there already or cannot be written.
"""
)
@click.argument("file", type=click.Path(path_type=Path))
def template(file: Path) -> int:
    """Write an inventory workbook with units, notes, drop-downs and an example row. Nothing is overwritten."""
    if file.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"'{file}' does not end in .xlsx", param_hint="FILE.xlsx")
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.inventory_template import template as workbook

    write_new(file.parent, {file.name: workbook(load_inputs())})
    click.echo(f"{file}: fill in a row for each plant, then name it in your scenario under plants: inventory:")
    return DONE


# `ccs-model check SCENARIO`: reads everything, solves nothing, lists every fault at once.

_ANOTHER = "give --annotate another name"


@click.command(
    epilog="""\b
Examples:
  ccs-model check my-scenario.yaml
  ccs-model check my-scenario.yaml --annotate marked.xlsx
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--annotate",
    "out",
    metavar="OUT.xlsx",
    type=click.Path(path_type=Path),
    help="Where there are faults, write your workbook with them marked; nothing is overwritten.",
)
@click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder.")
def check(scenario: Path, out: Path | None, allow_outside: bool) -> int:
    """Read the scenario and every table, and list all faults with file and line. Nothing is solved."""
    if out is not None and out.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"'{out}' does not end in .xlsx", param_hint="--annotate")
    if out is not None and (out.exists() or out.is_symlink()):
        raise FileError(f"{out}: is there already and is left alone; {_ANOTHER}")
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import read_checked

    try:
        problem = build_problem(*read_checked(scenario, allow_outside=allow_outside))
    except InputError as error:
        if out is not None:
            _annotate(scenario, out, error.issues, allow_outside)
        raise
    n_candidates = int(problem.plants["is_candidate"].sum())
    click.echo(
        f"{scenario}: no faults. {len(problem.plants)} operating plants emitting "
        f"{problem.baseline_ktpa / 1000:,.1f} Mt CO2 a year, {n_candidates} of them candidates, "
        f"{len(problem.options):,} options, {len(problem.sites)} storage sites."
    )
    for table, origin in problem.inputs.origins.items():
        if origin != "shipped":
            click.echo(f"  {table}: {origin or 'none asked for'}")
    if out is not None:
        click.echo(f"{out}: not written, there is nothing to mark", err=True)
    return DONE


def _annotate(scenario: Path, out: Path, issues: Sequence[Issue], allow_outside: bool) -> None:
    """Write the marked copies and say where; the faults are told by whoever called."""
    from ccs_model.inputs.annotated_workbook import annotated, copy_names, own_books
    from ccs_model.scenario.read import read

    try:
        books = own_books(read(scenario, allow_outside=allow_outside).own, allow_outside=allow_outside)
    except CcsModelError:  # a file that is no YAML names no workbook: its faults are listed alone
        books = {}
    copies = annotated(issues, books)
    names = copy_names(out, list(copies))
    write_atomic({out.with_name(names[book]): raw for book, raw in copies.items()}, hint=_ANOTHER)
    for book in copies:
        what = f"{book} with its faults marked" if book else "the list of faults; no workbook of yours has one"
        click.echo(f"{out.with_name(names[book])}: {what}", err=True)


# `ccs-model schema`: the JSON Schema of a scenario, for editors.


@click.command(
    epilog="""\b
Example:
  ccs-model schema > scenario.schema.json
"""
)
def schema() -> int:
    """Print the JSON Schema of a scenario file."""
    from ccs_model.scenario import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return DONE

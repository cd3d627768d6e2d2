"""`ccs-model init`, `check` and `schema`: from an empty folder to a valid scenario."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ccs_model.atomic_files import create_files
from ccs_model.cli.command_options import (
    PATH,
    allow_outside_option,
    require_new,
    require_suffix,
    scenario_argument,
)
from ccs_model.errors import DONE, CcsModelError, InputError, Issue
from ccs_model.runs.folder_writer import create_folder_files


@click.command(
    epilog="""\b
Examples:
  ccs-model init my-zone
  ccs-model optimize my-zone/scenario.yaml
  ccs-model init --inventory-only plants.xlsx

Fill in one row per plant of the workbook, and name it in the scenario: plants: {inventory: [plants.xlsx]}.

Exit codes: 0 done, 2 usage, 8 a file already exists or cannot be written.
"""
)
@click.argument("dir", metavar="[DIR]", required=False, type=PATH)
@click.option("--inventory-only", "inventory", metavar="FILE.xlsx", type=PATH,
              help="Write only the inventory workbook; DIR may be left out.")  # fmt: skip
def init(dir: Path | None, inventory: Path | None) -> int:
    """Create a scenario and an inventory workbook.

    DIR gets scenario.yaml, plants.xlsx and scenario.schema.json for editors. No file is overwritten.
    """
    require_suffix(inventory, ".xlsx", "--inventory-only")
    if dir is None and inventory is None:
        raise click.UsageError("Missing argument 'DIR'.")
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.inventory_template import template

    if inventory is not None:
        path = inventory if dir is None else dir / inventory
        create_folder_files(path.parent, {path.name: template(load_inputs())})
        click.echo(f"{path}: fill in one row per plant, then name it in your scenario under plants: inventory:")
        return DONE
    assert dir is not None
    from ccs_model.scenario import json_schema
    from ccs_model.scenario.resolved import starter

    name = "".join(sign for sign in dir.resolve().name if sign.isprintable()).strip()[:100] or "My scenario"
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    create_folder_files(
        dir,
        {
            "scenario.yaml": starter(name).encode(),
            "plants.xlsx": template(load_inputs()),
            "scenario.schema.json": schema.encode(),
        },
    )
    click.echo(
        f"{dir}: scenario.yaml (ready to run), plants.xlsx (inventory to fill in), scenario.schema.json\n"
        f"Next: ccs-model optimize {dir / 'scenario.yaml'}"
    )
    return DONE


_OTHER_NAME = "give {} another name"


@click.command(
    epilog="""\b
Examples:
  ccs-model check my-scenario.yaml
  ccs-model check my-scenario.yaml --annotate marked.xlsx
  ccs-model check old-scenario.yaml --upgrade new-scenario.yaml

Exit codes: 0 valid, 2 usage, 3 invalid input, 8 file system error.
"""
)
@scenario_argument
@click.option("--annotate", metavar="OUT.xlsx", type=PATH,
              help="If there are errors, write a copy of your workbook with the errors marked.")  # fmt: skip
@click.option("--upgrade", metavar="OUT.yaml", type=PATH,
              help="Write an old scenario with the present keys and values; comments are kept.")  # fmt: skip
@allow_outside_option
def check(scenario: Path, annotate: Path | None, upgrade: Path | None, allow_outside: bool) -> int:
    """Validate all inputs; solve nothing.

    Every error of the scenario and its tables is listed with file and line or cell.
    """
    require_suffix(annotate, ".xlsx", "--annotate")
    require_new(annotate, _OTHER_NAME.format("--annotate"))
    if upgrade is not None:
        return _upgrade(scenario, upgrade)
    from ccs_model.inputs.checked_scenario import read_checked, reject_invalid

    try:
        reject_invalid(scenario, allow_outside=allow_outside)
        checked = read_checked(scenario, allow_outside=allow_outside)
        from ccs_model.problem import build_problem

        problem = build_problem(*checked)
    except InputError as error:
        if annotate is not None:
            _annotate(scenario, annotate, error.issues, allow_outside)
        raise
    n_candidates = int(problem.plants["is_candidate"].sum())
    candidates = "candidate plant" if n_candidates == 1 else "candidate plants"
    click.echo(
        f"{scenario}: no errors. {len(problem.plants)} operating plants with "
        f"{problem.baseline_ktpa / 1000:,.1f} Mt CO2 a year; {n_candidates} {candidates}, "
        f"{len(problem.options):,} options, {len(problem.sites)} storage sites."
    )
    from ccs_model.report.sentences import not_eligible

    for sentence in not_eligible(problem):
        click.echo(f"  {sentence}")
    for notice in problem.inputs.notices:
        click.echo(f"  {notice}")
    for table, origin in problem.inputs.origins.items():
        if origin != "shipped":
            click.echo(f"  {table}: {origin or 'not used'}")
    if annotate is not None:
        click.echo(f"{annotate}: not written, because there are no errors", err=True)
    return DONE


def _upgrade(scenario: Path, out: Path) -> int:
    """Write the scenario with the keys and values of the present format, and list the changes."""
    require_new(out, _OTHER_NAME.format("--upgrade"))
    from ccs_model.scenario.upgrade import upgraded_text
    from ccs_model.scenario.yaml_document import read_text

    upgraded, changes = upgraded_text(read_text(scenario))
    create_files({out: upgraded.encode()}, hint=_OTHER_NAME.format("--upgrade"))
    n = len(changes)
    click.echo(f"{out}: {n} change{'s' if n != 1 else ''}")
    for each in changes:
        click.echo(f"  {each}")
    click.echo(f"Next: ccs-model check {out}")
    return DONE


def _annotate(scenario: Path, out: Path, issues: Sequence[Issue], allow_outside: bool) -> None:
    """Write copies of the user's workbooks with the errors marked."""
    from ccs_model.inputs.annotated_workbook import annotated, copy_names, own_books
    from ccs_model.scenario.read import read

    try:
        books = own_books(read(scenario, allow_outside=allow_outside).own, allow_outside=allow_outside)
    except CcsModelError:  # a scenario that is not valid YAML names no workbook
        books = {}
    copies = annotated(issues, books)
    names = copy_names(out, list(copies))
    contents = {out.with_name(names[book]): raw for book, raw in copies.items()}
    create_files(contents, hint=_OTHER_NAME.format("--annotate"))
    for book in copies:
        what = f"{book} with its errors marked" if book else "the list of errors; none is in a workbook of yours"
        click.echo(f"{out.with_name(names[book])}: {what}", err=True)


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

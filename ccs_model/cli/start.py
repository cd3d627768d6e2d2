"""`ccs-model init`, `check` and `schema`: from an empty folder to a valid scenario."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.atomic_files import create_files
from ccs_model.bounded_reading import is_workbook
from ccs_model.cli.command_options import (
    PATH,
    allow_outside_option,
    json_option,
    require_new,
    require_xlsx,
    scenario_argument,
    with_every_issue,
)
from ccs_model.cli.terminal import columns, print_json, print_json_text
from ccs_model.errors import DONE, CcsModelError, InputError, Issue
from ccs_model.runs.folder_writer import atomic_folder, create_folder_files

if TYPE_CHECKING:
    from ccs_model.inputs import Inputs
    from ccs_model.problem import Problem
    from ccs_model.scenario import Scenario

CHECK_SCHEMA = "ccs-model/check/1"


@click.command(
    epilog="""\b
Examples:
  ccs-model init my-zone
  ccs-model optimize my-zone/scenario.yaml
  ccs-model init my-zone --country India --sector steel
  ccs-model init --inventory-only plants.xlsx

Fill in one row per plant of the workbook, and name it in the scenario: plants: {inventory: [plants.xlsx]}.

Exit codes: 0 done, 2 usage, 3 no such country or sector, 8 a file already exists or cannot be written.
"""
)
@click.argument("dir", metavar="[DIR]", required=False, type=PATH)
@click.option("--country", metavar="NAME", help="Country of the plants, prices and sites; China by default.")
@click.option("--sector", "sectors", metavar="NAME", multiple=True, help="Only plants of this sector; may be repeated.")
@click.option("--inventory-only", "inventory", metavar="FILE.xlsx", type=PATH,
              help="Write only the inventory workbook; DIR may be left out.")  # fmt: skip
def init(dir: Path | None, country: str | None, sectors: tuple[str, ...], inventory: Path | None) -> int:
    """Create a scenario that runs, with an inventory workbook.

    DIR gets scenario.yaml, plants.xlsx and scenario.schema.json for editors. For a country with a pack it gets the
    plants, in steel.csv, and their prices, factors, sites and costs, in data/; for another country, tables to fill in.
    No file is overwritten.
    """
    require_xlsx(inventory, "--inventory-only")
    if dir is None and inventory is None:
        raise click.UsageError("Missing argument 'DIR'.")
    if (country or sectors) and (inventory is not None or dir is None):
        raise click.UsageError("--country and --sector need DIR, and no --inventory-only")
    from ccs_model.cli.output_guard import validate_import_folder
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.country_packs import has_pack
    from ccs_model.inputs.geography import country_named
    from ccs_model.inputs.user_workbooks import template
    from ccs_model.scenario.fields import HOME
    from ccs_model.scenario.validation import same_name

    validate_import_folder(dir or (inventory or Path()).parent)
    if country is not None and same_name(country, (HOME,)) is None:
        assert dir is not None
        blank = None if sectors or has_pack(country) else country_named(country)
        if blank is not None:
            return _init_blank_country(dir, blank)
        return _init_country(dir, country, tuple(dict.fromkeys(each for word in sectors for each in word.split(","))))
    if sectors:
        raise click.UsageError(
            "--sector needs another country than China, whose scenario lists its sectors under plants: inventory:"
        )
    if inventory is not None:
        path = inventory if dir is None else dir / inventory
        create_folder_files(path.parent, {path.name: template(load_inputs())})
        click.echo(f"{path}: fill in one row per plant, then name it in your scenario under plants: inventory:")
        return DONE
    assert dir is not None
    from ccs_model.scenario.yaml_document import starter

    name = _name_of(dir)
    files = {
        "scenario.yaml": starter(name).encode(),
        "plants.xlsx": template(load_inputs()),
        "scenario.schema.json": _schema_text().encode(),
    }
    create_folder_files(dir, files)
    click.echo(
        f"{dir}: scenario.yaml (ready to run), plants.xlsx (inventory to fill in), scenario.schema.json\n"
        f"Next: ccs-model optimize {dir / 'scenario.yaml'}"
    )
    return DONE


def _name_of(folder: Path) -> str:
    return "".join(sign for sign in folder.resolve().name if sign.isprintable()).strip()[:100] or "My scenario"


def _init_country(folder: Path, country: str, sectors: tuple[str, ...]) -> int:
    """Write the scenario of a country pack, after it was built once to validate the pack."""
    from ccs_model.inputs.country_packs import pack_files, pack_of
    from ccs_model.inputs.geography import country_in_text
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.report.sentences import not_eligible_sentences
    from ccs_model.units import count_text

    pack = pack_of(country, sectors)
    files = pack_files(pack, _name_of(folder), sectors)
    files["scenario.schema.json"] = _schema_text().encode()
    with atomic_folder(folder, files) as made:
        problem = build_problem(*read_checked(made / "scenario.yaml"))
    inventories = ", ".join(f"{sector}.csv" for sector in sectors or pack.sectors)
    n_candidates = int(problem.plants["is_candidate"].sum())
    click.echo(
        f"{folder}: scenario.yaml (ready to run), {inventories} and data/ of {country_in_text(pack.country)} with "
        f"{len(problem.plants):,} operating plants, {count_text(n_candidates, 'candidate')}, and "
        f"{len(problem.sites)} storage sites"
    )
    for sentence in not_eligible_sentences(problem):
        click.echo(f"  {sentence}")
    click.echo(f"Next: ccs-model optimize {folder / 'scenario.yaml'}")
    return DONE


def _init_blank_country(folder: Path, country: str) -> int:
    """Write a scenario for a country without a pack, with a workbook and tables to fill in."""
    from ccs_model.importers.gem_scenario import blank_country_files, blank_country_needs
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.geography import country_in_text
    from ccs_model.inputs.user_workbooks import template

    files = blank_country_files(country, _name_of(folder), template(load_inputs()))
    create_folder_files(folder, files | {"scenario.schema.json": _schema_text().encode()})
    click.echo(f"{folder}: scenario.yaml for {country_in_text(country)}, which has no country pack. Fill in:")
    for line in blank_country_needs():
        click.echo(f"  {line}")
    click.echo(f"Next: ccs-model check {folder / 'scenario.yaml'} (docs/how-to/another-country.md)")
    return DONE


_OTHER_NAME = "give {} another name"


@click.command(
    epilog="""\b
Examples:
  ccs-model check my-scenario.yaml
  ccs-model check my-scenario.yaml --json > checked.json
  ccs-model check my-scenario.yaml --annotate marked.xlsx
  ccs-model check runs/my-1a2b3c4d/plan.xlsx
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
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def check(
    scenario: Path, annotate: Path | None, upgrade: Path | None, allow_outside: bool, as_json: bool, quiet: bool
) -> int:
    """Validate all inputs; solve nothing.

    Every error of the scenario and its tables is listed with file and line or cell.
    """
    require_xlsx(annotate, "--annotate")
    require_new(annotate, _OTHER_NAME.format("--annotate"))
    if upgrade is not None:
        return _upgrade(scenario, upgrade)
    try:
        checked = _read(scenario, allow_outside, is_shown=not (as_json or quiet))
        from ccs_model.problem import build_problem

        problem = build_problem(*checked)
    except InputError as first:
        error = with_every_issue(scenario, first, allow_outside)
        if annotate is not None:
            _annotate(scenario, annotate, error.issues, allow_outside)
        if not as_json and error is first:
            raise
        if not as_json:
            raise error from first
        issues = list(map(asdict, error.issues))
        print_json({"schema": CHECK_SCHEMA, "file": str(scenario), "is_valid": False, "errors": issues})
        return error.exit_code
    if as_json:
        print_json(
            {
                "schema": CHECK_SCHEMA,
                "file": str(scenario),
                "is_valid": True,
                "errors": [],
                **_summarize_problem(problem),
            }
        )
    elif not quiet:
        click.echo(_check_text(scenario, problem))
    if annotate is not None:
        click.echo(f"{annotate}: not written, because there are no errors", err=True)
    return DONE


def _summarize_problem(problem: Problem) -> dict[str, Any]:
    """Return what a valid scenario contains."""
    from ccs_model.plan.plan_json import records, to_plain_values
    from ccs_model.plan.tables import left_out_table, not_eligible_table
    from ccs_model.problem.unused_inputs import unused_inputs

    return {
        "scenario": problem.name,
        "n_plants": len(problem.plants),
        "n_candidate_plants": int(problem.plants["is_candidate"].sum()),
        "n_options": len(problem.options),
        "n_storage_sites": len(problem.sites),
        "baseline_ktpa": float(problem.baseline_ktpa),
        "not_eligible": to_plain_values(records(not_eligible_table(problem))),
        "left_out": records(left_out_table(problem)),
        "notices": [*problem.inputs.all_notices, *unused_inputs(problem)],
        "own_tables": {table: origin for table, origin in problem.inputs.origins.items() if origin != "shipped"},
    }


def _check_text(scenario: Path, problem: Problem) -> str:
    from ccs_model.problem.unused_inputs import unused_inputs
    from ccs_model.report.sentences import left_out_sentences, not_eligible_sentences
    from ccs_model.report.text_tables import wrap
    from ccs_model.units import count_text

    n_candidates = int(problem.plants["is_candidate"].sum())
    own = [(table, origin) for table, origin in problem.inputs.origins.items() if origin != "shipped"]
    sentence = (
        f"{scenario}: {click.style('no errors', fg='green')}. "
        f"{count_text(len(problem.plants), 'operating plant')} with "
        f"{problem.baseline_ktpa / 1000:,.1f} Mt CO2 a year; "
        f"{count_text(n_candidates, 'candidate plant')}, {count_text(len(problem.options), 'option')}, "
        f"{count_text(len(problem.sites), 'storage site')}."
    )
    lines = [
        *not_eligible_sentences(problem),
        *left_out_sentences(problem),
        *problem.inputs.all_notices,
        *unused_inputs(problem),
        *(f"{name}: {origin or 'not used'}" for name, origin in own),
    ]
    # Piped output has one line for each notice, as programs that search it expect.
    width = columns() - 2 if sys.stdout.isatty() else None
    return "\n".join([sentence, *(f"  {line if width is None else wrap(line, width, '    ')}" for line in lines)])


def _read(scenario: Path, allow_outside: bool, *, is_shown: bool) -> tuple[Scenario, Inputs]:
    """Return a scenario with its tables, read from its file or from a workbook whose edits are listed."""
    if not is_workbook(scenario):
        from ccs_model.inputs.checked_scenario import read_checked, reject_invalid

        reject_invalid(scenario, allow_outside=allow_outside)
        return read_checked(scenario, allow_outside=allow_outside)
    from ccs_model.cli.optimize import edits_text
    from ccs_model.solve.driver import load_scenario_inputs

    loaded = load_scenario_inputs(scenario, allow_outside=allow_outside)
    for notice in loaded.notices:
        click.echo(f"warning: {notice}", err=True)
    if is_shown:
        click.echo(edits_text(loaded), nl=False)
    return loaded.scenario, loaded.inputs


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
    from ccs_model.inputs.user_workbooks import annotate_workbooks, copy_names, own_books
    from ccs_model.scenario.read import read

    try:
        books = own_books(read(scenario, allow_outside=allow_outside).own, allow_outside=allow_outside)
    except CcsModelError:  # a scenario that is not valid YAML names no workbook
        books = {}
    copies = annotate_workbooks(issues, books)
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
    print_json_text(_schema_text())
    return DONE


def _schema_text() -> str:
    from ccs_model.scenario import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"

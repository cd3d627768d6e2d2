"""`ccs-model import gem|simccs|storage`: data of other tools as a scenario and tables, and public data of basins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.command_options import PATH, Decorator, finite_range
from ccs_model.cli.output_guard import validate_import_folder
from ccs_model.errors import DONE, FileError, InputError, Issue
from ccs_model.runs.folder_writer import atomic_folder
from ccs_model.units import count_text, join_first_names

if TYPE_CHECKING:
    from ccs_model.importers import GemTracker

_NAMED = 5
# Capacity in Mt from which a total is given in Gt.
_MT_AS_GT = 1_000.0


def _number_option(name: str, help: str, *, default: float | None = None, high: float | None = None) -> Decorator[Any]:
    """Return an option with a positive number of at most `high`."""
    return click.option(
        name, type=finite_range(0, high, above=True), default=default, show_default=default is not None, help=help
    )


out_option = click.option("-o", "out", metavar="DIR", type=PATH, required=True, help="Folder to write.")
replace_option = click.option("--force", is_flag=True, help="Replace the files of an earlier import in DIR.")


@contextmanager
def _errors_at(place: Callable[[str], str]) -> Iterator[None]:
    """Report errors of the tables at their place in the files of the other tool."""
    try:
        yield
    except InputError as error:
        raise InputError(Issue(place(each.where), each.what, each.hint) for each in error.issues) from error


@click.group(
    name="import",
    epilog="""\b
Example:
  ccs-model import simccs Scenarios/priceScenario -o price --mode price
  ccs-model import gem Plant-level-data.xlsx -o germany --country Germany
  ccs-model import storage co2stop Hydrocarbon_Storage_Units.csv StorageUnits_March13.kml -o basins
""",
)
def import_() -> None:
    """Convert data of GEM, SimCCS, CO2StoP or NATCARB."""


@import_.command(
    short_help="Convert a SimCCS 2 case.",
    epilog="""\b
Examples:
  ccs-model import simccs Scenarios/priceScenario -o price --mode price
  ccs-model import simccs Scenarios/capScenario -o cap --mode target --target-mt 50
  ccs-model optimize cap/scenario.yaml

Exit codes: 0 done, 2 usage, 3 invalid case, 8 a file already exists or cannot be written.
""",
)
@click.argument("folder", type=PATH)
@out_option
@click.option(
    "--mode",
    type=click.Choice(["price", "target"]),
    required=True,
    help="price: capture what pays for itself; target: capture --target-mt at minimum cost.",
)
@_number_option("--target-mt", "Capture target in Mt per year.")
@_number_option("--crf", "Capital recovery factor.", default=0.1, high=1)
@_number_option("--years", "Years of injection.", default=30, high=200)
@_number_option("--pipe-utilisation", "Utilisation of pipes, as a share.", default=1.0, high=1)
@click.option("--rounded", is_flag=True, help="Round coefficients to five decimals, as SimCCS does.")
@replace_option
def simccs(
    folder: Path,
    out: Path,
    mode: str,
    target_mt: float | None,
    crf: float,
    years: float,
    pipe_utilisation: float,
    rounded: bool,
    force: bool,
) -> int:
    """Convert a SimCCS 2 case to DIR/scenario.yaml and DIR/data; the optimum is the same."""
    if (mode == "target") != (target_mt is not None):
        what = "--mode target needs --target-mt" if mode == "target" else "--target-mt needs --mode target"
        raise click.UsageError(what)
    from ccs_model.importers import (
        SimccsCase,
        read_simccs,
        simccs_notices,
        simccs_place,
        simccs_scenario,
        simccs_tables,
        target_issues,
        with_own_rows,
    )
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import read_checked

    validate_import_folder(out, [folder])
    case = SimccsCase(target_mt, crf, years, pipe_utilisation, rounded)
    read = read_simccs(folder)
    if issues := target_issues(read, case, "--target-mt"):
        raise InputError(issues)
    tables = simccs_tables(read, case)
    name = "".join(sign for sign in f"SimCCS {folder.resolve().name}" if sign.isprintable()).strip()[:100]
    files = {"scenario.yaml": simccs_scenario(name, case).encode()}
    for table, frame in tables.items():
        files[f"data/{table}.csv"] = frame.to_csv(index=False, lineterminator="\n").encode()
    files, _ = with_own_rows(out, files)
    with atomic_folder(out, files, force=force) as made, _errors_at(lambda where: simccs_place(read, where)):
        build_problem(*read_checked(made / "scenario.yaml"))
    for notice in simccs_notices(read, case):
        click.echo(notice, err=True)
    n_junctions = len(tables["transport/hubs"])
    click.echo(
        f"{out}: scenario.yaml and data/ with {count_text(len(read.sources), 'source')}, "
        f"{count_text(len(read.sinks), 'sink')}, {count_text(n_junctions, 'junction')}, "
        f"{count_text(len(read.edges), 'edge')}, {count_text(len(read.trends), 'pipe trend')}\n"
        f"Next: ccs-model optimize {_quoted(out / 'scenario.yaml')}"
    )
    return DONE


@import_.command(
    short_help="Convert workbooks of Global Energy Monitor.",
    epilog="""\b
Examples:
  ccs-model import gem Plant-level-data-Global-Iron-and-Steel-Tracker-September-2025-V1.xlsx -o china --country China
  ccs-model import gem plants.xlsx iron-units.xlsx steel-units.xlsx -o india --country India
  ccs-model import gem plants.xlsx chemicals.xlsx -o china --country China
  ccs-model import gem chemicals.xlsx -o china --country China --capacities china/capacities.csv --force
  ccs-model optimize china/scenario.yaml

Exit codes: 0 done, 2 usage, 3 invalid workbook, 8 a file already exists or cannot be read or written.
""",
)
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@out_option
@click.option(
    "--country", "countries", metavar="NAME", multiple=True, help="Only plants of this country; may be repeated."
)
@click.option(
    "--capacities",
    metavar="FILE.csv",
    type=PATH,
    help="Data missing from the chemicals inventory: the completed DIR/capacities.csv of an earlier import.",
)
@click.option("--known-only", is_flag=True, help="Leave out chemical plants with missing data.")
@replace_option
def gem(
    files: tuple[Path, ...],
    out: Path,
    countries: tuple[str, ...],
    capacities: Path | None,
    known_only: bool,
    force: bool,
) -> int:
    """Convert workbooks of Global Energy Monitor to DIR/scenario.yaml, inventories and DIR/data.

    The steel tracker needs its plant workbook; its unit workbooks add furnaces and relining dates. The chemicals
    inventory gives the locations of ammonia and methanol plants, and you add their capacities.
    """
    from ccs_model.importers import (
        CAPACITIES,
        INSTEAD,
        PACK,
        discarded_capacities,
        gem_advice,
        gem_files,
        gem_needs,
        gem_pack,
        gem_place,
        gem_trial,
        read_gem,
        with_own_rows,
    )
    from ccs_model.inputs.csv_reader import table_bytes
    from ccs_model.inputs.load import load_tables
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.scenario.sections import OwnTables

    validate_import_folder(out, files)
    given = (str(capacities), table_bytes(capacities, str(capacities))) if capacities is not None else None
    books = [(str(file), table_bytes(file, str(file))) for file in files]
    tracker = read_gem(books, countries, given, known_only=known_only)
    needs, made_files = gem_needs(tracker), gem_files(tracker)
    instead = made_files.pop(INSTEAD, None)
    inventories = tuple(name for name in ("steel.csv", "chemicals.csv") if name in made_files)
    if CAPACITIES in made_files and (lost := discarded_capacities(out / CAPACITIES, made_files[CAPACITIES])):
        what = f"has capacities that this import would discard ({join_first_names(lost, _NAMED)})"
        hint = f"give it as --capacities {_quoted(out / CAPACITIES)}, or move it"
        raise FileError(f"{out / CAPACITIES}: {what}; {hint}")
    made_files, kept = with_own_rows(out, made_files, keeps_tables=True)
    with atomic_folder(out, made_files, force=force) as made:
        with _errors_at(lambda where: gem_place(tracker, where)):
            if not needs:
                build_problem(*read_checked(made / "scenario.yaml"))
            else:
                # The user must still add data: only the plants are validated, with placeholders for missing values.
                if (trial := gem_trial(tracker)) is not None:
                    (made / "chemicals.csv").write_bytes(trial)
                load_tables(OwnTables(made, inventories, "data"))
        if "chemicals.csv" in made_files:
            (made / "chemicals.csv").write_bytes(made_files["chemicals.csv"])
        if instead is not None:
            (made / INSTEAD).write_bytes(instead)
    for name in kept:
        click.echo(f"kept: {out / name}, which has rows", err=True)
    _show_missing(tracker, out)
    n_operating = int(tracker.plants["status"].isin(("operating", "operating pre-retirement")).sum())
    held = f"{out}: scenario.yaml, {', '.join(inventories)} and data/ with "
    parts = []
    if "steel.csv" in inventories:
        parts.append(
            f"{count_text(len(tracker.plants), 'steel plant')} in {_countries(len(set(tracker.in_country)))}, "
            f"{n_operating:,} operating with {tracker.plants['crude_steel_ktpa'].sum() / 1000:,.1f} Mt crude steel a "
            f"year, and {count_text(len(tracker.units), 'furnace')}"
        )
    if tracker.chemicals is not None:
        products = tracker.chemicals.plants["product"].value_counts()
        parts.append(
            f"{products.get('ammonia', 0):,} ammonia and {products.get('methanol', 0):,} methanol plants in "
            f"{_countries(len(tracker.chemicals.countries))}"
        )
    click.echo(held + "; ".join(parts))
    advice = gem_advice(tracker) if needs else []
    before = "Before you solve it, add (docs/reference/own-tables.md):"
    pack = gem_pack(tracker) if needs else []
    for heading, lines in ((before, needs), ("Also check:", advice), (PACK, pack)):
        if lines:
            click.echo("\n  ".join([heading, *lines]))
    click.echo(f"Next: ccs-model {'check' if needs else 'optimize'} {_quoted(out / 'scenario.yaml')}")
    return DONE


@import_.command(
    short_help="Convert CO2StoP or NATCARB storage resources.",
    epilog="""\b
Examples:
  ccs-model import storage co2stop Hydrocarbon_Storage_Units.csv StorageUnits_March13.kml -o basins
  ccs-model import storage co2stop Hydrocarbon_Storage_Units.csv -o spain --country Spain --min-mt 50
  ccs-model import storage natcarb NATCARB_Saline_10K_v1502.shp NATCARB_Saline_10K_v1502.dbf -o basins --block-km 200

Exit codes: 0 done, 2 usage, 3 invalid file, 8 a file already exists or cannot be read or written.
""",
)
@click.argument("source", type=click.Choice(["co2stop", "natcarb"]))
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@out_option
@click.option("--country", "countries", metavar="NAME", multiple=True, help="Only sites of this country; repeatable.")
@_number_option("--min-mt", "Smallest capacity of a site in Mt.")
@_number_option("--block-km", "Divide a resource of natcarb into blocks of this side, each a site.", high=5000.0)
@replace_option
def storage(
    source: str,
    files: tuple[Path, ...],
    out: Path,
    countries: tuple[str, ...],
    min_mt: float | None,
    block_km: float | None,
    force: bool,
) -> int:
    """Convert public data of storage basins to the data folder DIR with storage/sites.csv.

    SOURCE is co2stop (European Union: CSV tables, with polygons in KML) or natcarb (United States: the layers
    Saline_10K and OilGas as shapefiles, .shp with .dbf, or exported as CSV or Excel with latitude and longitude).
    Costs and rates of wells are those of the classes of sites.
    """
    from ccs_model.bounded_reading import RUN_FILE_BYTES
    from ccs_model.importers import read_storage, storage_files, with_own_rows
    from ccs_model.inputs.load import load_tables
    from ccs_model.scenario.sections import OwnTables
    from ccs_model.scenario.yaml_document import contents

    if block_km is not None and source != "natcarb":
        raise click.UsageError("--block-km is for natcarb")
    validate_import_folder(out, files)
    read = [
        (
            str(file),
            contents(file, largest_bytes=RUN_FILE_BYTES, expected="a file", at=str(file), requested_at=str(file)),
        )
        for file in files
    ]
    made = read_storage(source, read, countries, min_mt or 0.0, block_km)
    with (
        atomic_folder(out, with_own_rows(out, storage_files(source, made))[0], force=force) as folder,
        _errors_at(lambda where: where.replace(folder.name, str(out), 1)),
    ):
        load_tables(OwnTables(folder.parent, data=folder.name))
    for reason, n in made.left_out.items():
        lost = made.lost.get(reason, [])
        click.echo(f"left out: {reason} ({n:,}){': ' if lost else ''}{join_first_names(lost, _NAMED)}", err=True)
    for words, sites in (
        ("estimates out of order or negative, adjusted (published low/mean/high)", made.adjusted),
        ("check the capacity, taken as published", made.largest),
    ):
        if sites:
            click.echo(f"{words}: {join_first_names(sites, _NAMED)}", err=True)
    total_mt = made.sites["capacity_mid_kt"].sum() / 1e3
    total = f"{total_mt / 1e3:,.1f} Gt" if total_mt >= _MT_AS_GT else f"{total_mt:,.0f} Mt"
    n_countries = made.sites.loc[made.sites["province"] != "", "province"].nunique()
    click.echo(
        f"{out}: storage/sites.csv and references.csv with {count_text(len(made.sites), 'site')}"
        f"{f' in {_countries(n_countries)}' if n_countries else ''}, {total}\n"
        f"Next: put the folder beside a scenario and name it there, data: {out.name}"
    )
    return DONE


def _show_missing(tracker: GemTracker, out: Path) -> None:
    """Print on stderr what the steel tracker lacks on either sheet, and the missing data of the chemicals inventory."""
    for notice in tracker.notices:
        click.echo(notice, err=True)
    if tracker.unquantified:
        named = ", ".join(tracker.unquantified)
        click.echo(f"operating plants without a capacity in the tracker, counted as zero: {named}", err=True)
    if tracker.strays:
        named = join_first_names(tracker.strays, _NAMED)
        click.echo(f"left out: capacities of plants that are not on the sheet Plant data: {named}", err=True)
    if n := len(tracker.stray_furnaces):
        named = join_first_names(tracker.stray_furnaces, _NAMED)
        what = f"{count_text(n, 'furnace')} of plants that are not on the sheet Plant data"
        click.echo(f"left out: {what}: {named}", err=True)
    if tracker.unknown_furnaces:
        named = join_first_names(tracker.unknown_furnaces, _NAMED)
        click.echo(f"left out: operating furnaces without a capacity in the tracker: {named}", err=True)
    made = tracker.chemicals
    if made is None:
        return
    for file, (n_rows, n_lacking) in made.by_file.items():
        lack = "no data is missing"
        if n_lacking:
            lack = f"{n_lacking:,} of {n_rows:,} rows lack required data" + " and are left out" * made.is_complete
        click.echo(f"{file}: the chemicals inventory has no capacities; {lack}", err=True)
    for column, n_rows in made.n_missing.items():
        click.echo(f"  {column}: missing in {count_text(n_rows, 'row')}", err=True)
    if made.n_missing:
        table = made.to_fill_in
        offered = int(((table["suggested_plant"] != "") & (table["missing"] != "")).sum())
        click.echo(
            f"  {out / 'capacities.csv'} lists them; for {offered:,} it suggests a shipped plant nearby, which is not "
            "used unless you confirm it",
            err=True,
        )
    if made.n_left_out:
        products = ", ".join(f"{name} {n:,}" for name, n in made.left_out.items())
        click.echo(f"left out, {made.n_left_out:,} plants without ammonia or methanol: {products}", err=True)


def _countries(n: int) -> str:
    return f"{n} {'country' if n == 1 else 'countries'}"


def _quoted(path: Path) -> str:
    text = str(path)
    return f'"{text}"' if " " in text else text

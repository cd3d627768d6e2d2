"""Reports of a plan with a shared pipeline network: links, cost shares, sites and wells, optimality gaps, the map."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import openpyxl
import pandas as pd
import pytest
from openpyxl.workbook import Workbook

from ccs_model.cli.inspect_run import run_text
from ccs_model.errors import InputError, Issue
from ccs_model.plan import merit_order as macc
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.merit_order import COLUMNS, macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import pipe_links
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.export.formats import geojson_text
from ccs_model.report.phrases import gap_text
from ccs_model.report.pipe_tables import (
    candidate_links,
    flows_of_links,
    links_in_use,
    node_names,
    pipes_by_vintage,
    shared_cost_by_plant,
    shared_facilities,
)
from ccs_model.report.sentences import bound_text, gap_of
from ccs_model.report.workbook.assumptions_sheet import model_assumptions
from ccs_model.report.workbook.columns import quantities
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from ccs_model.runs.run_writer import tables_of, write_run_folder
from tests.integration.report.conftest import NETWORK, read_back
from tests.integration.report.reading import headings, main_table, row_that_starts, texts

pytestmark = pytest.mark.slow

SHEETS = ("Cover", "Summary", "Transport", "Storage", "Retrofits", "Economics", "RunLog")


def labels_of(book: Workbook, name: str) -> list[str]:
    return headings(book[name])


def spending(plan: Plan) -> dict[str, float]:
    """Pipe and storage investment of the plan, from its tables by period."""
    return {"pipe_capex_mn": plan.flows["built_mn"].sum(), "storage_capex_mn": plan.storage["invested_mn"].sum()}


@pytest.mark.parametrize("which", ["shared_plan", "static_plan"])
def test_capex_of_retrofits_adds_up_to_the_spending_of_the_plan(which: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(which)
    assert plan.retrofits["plant"].nunique() > 1
    for name, amount in spending(plan).items():
        assert plan.retrofits[name].sum() == pytest.approx(amount, rel=1e-9), name
    capex_mn = plan.retrofits[["capture_capex_mn", "pipe_capex_mn", "storage_capex_mn"]].sum().sum()
    assert capex_mn == pytest.approx(plan.totals["capex_mn"], rel=1e-9)
    assert capex_mn == pytest.approx(plan.by_year["spending_mn"].sum(), rel=1e-9)


@pytest.mark.parametrize("which", ["shared_plan", "static_plan"])
def test_links_in_use_match_the_flows_and_capex_of_the_plan(which: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(which)
    links = links_in_use(plan)
    assert set(links["link"]) == set(plan.flows["link"])
    assert links["link"].is_unique
    assert links["pipe_capex_mn"].sum() == pytest.approx(plan.totals["pipe_capex_mn"], rel=1e-9)
    last = plan.flows[plan.flows["year"] == plan.problem.years[-1]].set_index("link")
    links_of_last_period = links.set_index("link").loc[last.index]
    assert links_of_last_period["flow_ktpa"].tolist() == pytest.approx(last["flow_ktpa"].tolist())
    assert links_of_last_period["from_node"].tolist() == last["from_node"].tolist()
    assert ((links["used_share"] >= 0) & (links["used_share"] <= 1 + 1e-9)).all()
    # Injection equals the flow of the links that end at the sites.
    into = links[links["to_node"].isin(plan.storage["site"])].groupby("to_node")["flow_ktpa"].sum()
    injected = plan.storage[plan.storage["year"] == plan.problem.years[-1]].set_index("site")["injected_ktpa"]
    assert into.sum() == pytest.approx(injected.sum(), rel=1e-9)
    assert (links["n_users"] > 0).all() and (links["users"] != "").all()


def test_reversed_flow_of_a_link_is_negative(shared_plan: Plan) -> None:
    flows = shared_plan.flows.copy()
    first = flows.index[(flows["year"] == shared_plan.problem.years[0]) & (flows["flow_ktpa"] > 0)][0]
    ends = flows.loc[first, ["from_node", "to_node"]].tolist()
    flows.loc[first, ["from_node", "to_node"]] = ends[::-1]
    reversed_plan = replace(shared_plan, flows=flows)
    table = flows_of_links(reversed_plan, links_in_use(reversed_plan)).set_index("link")
    year, link = flows.at[first, "year"], flows.at[first, "link"]
    assert table.at[link, f"flow_{year}_ktpa"] == pytest.approx(-flows.at[first, "flow_ktpa"])
    assert table.at[link, "from_node"] == ends[0]


@pytest.mark.parametrize("which", ["shared_plan", "static_plan"])
def test_pipes_by_vintage_add_up_to_links_and_to_the_spending_of_each_period(
    which: str, request: pytest.FixtureRequest
) -> None:
    plan: Plan = request.getfixturevalue(which)
    rows, links = pipes_by_vintage(plan), links_in_use(plan).set_index("link")
    for name in ("capacity_ktpa", "flow_ktpa", "pipe_capex_mn"):
        summed = rows.groupby("link")[name].sum().loc[links.index]
        assert summed.tolist() == pytest.approx(links[name].tolist(), rel=1e-9, abs=1e-9), name
    assert rows["used_share"].tolist() == pytest.approx(links["used_share"].loc[rows["link"]].tolist())
    spent = plan.flows.groupby("year")["built_mn"].sum()
    by_period = rows.groupby("built_year")["pipe_capex_mn"].sum()
    assert by_period.reindex(spent.index, fill_value=0.0).tolist() == pytest.approx(spent.tolist(), rel=1e-9)
    assert not rows.duplicated(["link", "pipe", "built_year"]).any()


@pytest.mark.parametrize("split", ["by_use_mn", "by_shapley_mn"])
def test_both_cost_splits_add_up_to_the_investment(shared_plan: Plan, split: str) -> None:
    shared = shared_facilities(shared_plan)
    assert (shared["n_users"] > 1).all() and len(shared) > 1
    by_facility = shared.groupby(["kind", "facility"])
    assert by_facility[split].sum().tolist() == pytest.approx(by_facility["capex_mn"].first().tolist())
    assert by_facility["use_share"].sum().tolist() == pytest.approx([1.0] * len(by_facility))
    paid = shared_cost_by_plant(shared_plan)
    for what, amount in spending(shared_plan).items():
        assert paid[f"{what.removesuffix('_capex_mn')}_{split}"].sum() == pytest.approx(amount, rel=1e-9)


def test_full_chain_costs_of_plants_equal_those_of_their_retrofits(shared_plan: Plan) -> None:
    paid = shared_cost_by_plant(shared_plan).set_index("plant")
    yearly = shared_plan.retrofits.groupby("plant")["cost_mn_pa"].sum()
    captured_ktpa = paid["captured_ktpa"]
    all_in = paid["all_in_by_use_per_t"] * captured_ktpa / 1000
    assert all_in.tolist() == pytest.approx(yearly.loc[paid.index].tolist())
    cost_per_t = paid["capture_cost_per_t"] + paid["transport_and_storage_per_t"]
    assert paid["all_in_by_use_per_t"].tolist() == pytest.approx(cost_per_t.tolist())
    # Both splits distribute the same cost.
    assert (paid["all_in_by_shapley_per_t"] * captured_ktpa).sum() / 1000 == pytest.approx(yearly.sum(), rel=1e-9)


def test_transport_sheet_lists_links_and_cost_shares(shared_plan: Plan, shared_book: Workbook) -> None:
    sheet, at = shared_book["Transport"], labels_of(shared_book, "Transport").index
    rows = main_table(sheet)
    assert [row[at("Link")].value for row in rows] == list(pipes_by_vintage(shared_plan)["link"])
    assert sum(row[at("Capex")].value for row in rows) == pytest.approx(shared_plan.totals["pipe_capex_mn"])
    every = texts(sheet)
    assert {f"Flow from {year}" for year in shared_plan.problem.years} <= set(every)
    assert {"Share by use", "Share by Shapley value", "Standard error", "Full chain, by use"} <= set(every)
    n_corridors, n_links = pipe_links(shared_plan)
    assert any(f"{n_links} candidate links" in text and "nodes" in text for text in every)
    assert 0 < n_corridors < n_links


def test_storage_sheet_shows_wells_and_investment(shared_plan: Plan, shared_book: Workbook) -> None:
    sheet, at = shared_book["Storage"], labels_of(shared_book, "Storage").index
    last = shared_plan.storage[shared_plan.storage["year"] == shared_plan.problem.years[-1]].set_index("site")
    for row in main_table(sheet):
        site = last.loc[row[at("Site id")].value]
        assert row[at("Wells drilled")].value == pytest.approx(site["n_wells"])
        assert row[at("Injectivity of the wells")].value == pytest.approx(site["wells_ktpa"])
    assert {"Total investment", "Paid by the site", "Capital of a well", "Other candidate sites"} <= set(texts(sheet))


def test_economics_sheet_adds_up_to_the_spending_of_the_plan(shared_plan: Plan, shared_book: Workbook) -> None:
    sheet, at = shared_book["Economics"], labels_of(shared_book, "Economics").index
    capital = ("Capture capex", "Pipe capex", "Storage capex")
    total = row_that_starts(sheet, "Total")
    assert sum(total[at(name)].value for name in capital) == pytest.approx(shared_plan.by_year["spending_mn"].sum())
    parts = (
        "Capture capital", "Capture fixed O&M", "Consumables", "Heat", "Capture power", "Pipe capital",
        "Pipe fixed O&M", "Booster power", "Trucks", "Storage capital", "Storage O&M", "Storage",
    )  # fmt: skip
    for row in main_table(sheet):
        cost = sum(row[at(part)].value for part in parts)
        assert row[at("Cost, total")].value == pytest.approx(cost, rel=1e-12)
        avoided = row[at("Avoided")].value
        assert row[at("Avoidance cost")].value == pytest.approx(cost * 1000 / avoided, rel=1e-9)


def test_the_gap_is_reported_over_all_links_and_within_the_links_searched(
    shared_plan: Plan, shared_book: Workbook
) -> None:
    n_corridors, n_links = pipe_links(shared_plan)
    gap_over_all_links = f"{100 * shared_plan.objective.gap_share:.2f} %"
    for text in (gap_text(gap_of(shared_plan)), bound_text(shared_plan)):
        assert f"within the {n_corridors} links searched" in text or (
            f"{n_corridors} searched link" in text
            and f"all {n_links} candidate links" in text
            and gap_over_all_links in text
        )
    for name in ("Cover", "Summary", "Transport"):
        assert any(gap_over_all_links in text and "candidate links" in text for text in texts(shared_book[name])), name
    assert row_that_starts(shared_book["Summary"], "Optimality gap over all candidate links")[1].value == pytest.approx(
        shared_plan.objective.gap_share
    )
    log = row_that_starts(shared_book["RunLog"], "Bound over all candidate links")[1].value
    assert log == pytest.approx(shared_plan.objective.bound)
    message = " ".join(run_text(shared_plan.to_dict(), Path("run")).split())
    assert gap_text(gap_of(shared_plan)).removeprefix("o").replace(" %", "%") in message
    assert "pipes " in message and "storage " in message


def test_gap_and_bound_texts_cover_all_links_and_missing_bounds(shared_plan: Plan, plan: Plan) -> None:
    assert gap_text(gap_of(plan)).startswith("optimality gap ") and "searched" not in bound_text(plan)
    every = tuple(shared_plan.problem.network.links["link"]) if shared_plan.problem.network else ()
    n_links = pipe_links(shared_plan)[1]
    over_all = replace(shared_plan, corridors=every)
    assert gap_text(gap_of(over_all)).endswith(f"(over all {n_links} candidate links)")
    assert "searched" not in bound_text(over_all)
    without_bound = replace(
        shared_plan.objective, searched_bound=float("inf"), searched_gap_share=float("inf"), bound=float("inf")
    )
    unknown = replace(shared_plan, objective=without_bound)
    assert gap_text(gap_of(unknown)).count("unknown") == 2 and bound_text(unknown).count("was found") == 2
    zero_plan = replace(shared_plan, objective=replace(shared_plan.objective, value=0.0, bound=12.0))
    assert "unknown (bound 12 kt" in gap_text(gap_of(zero_plan), "kt")


def test_workbook_reports_a_missing_bound_as_not_found(shared_plan: Plan, tmp_path: Path) -> None:
    without_bound = replace(
        shared_plan.objective, searched_bound=float("inf"), searched_gap_share=float("inf"), bound=float("inf")
    )
    book = read_back(replace(shared_plan, objective=without_bound), tmp_path)
    assert row_that_starts(book["RunLog"], "Gap")[1].value == "not found"


def test_totals_and_assumptions_describe_the_network(shared_plan: Plan, shared_book: Workbook, plan: Plan) -> None:
    assert set(shared_plan.totals) <= {name for name, each in quantities().items() if each["total"]}
    assert row_that_starts(shared_book["Summary"], "Storage capex")[1].value == pytest.approx(
        shared_plan.totals["storage_capex_mn"]
    )
    assert {"Pipe spending", "Storage spending", "Well capex", "Trucking"} <= set(texts(shared_book["Summary"]))
    shared, own_pipes = ({str(each["statement"]) for each in model_assumptions(p.problem)} for p in (shared_plan, plan))
    assert any("searched links" in each for each in shared - own_pipes) and any(
        "by electric truck" in each for each in shared - own_pipes
    )
    assert any("its own pipe" in each for each in own_pipes - shared)


def test_static_workbook_unlocks_and_reads_only_the_inputs_that_apply(static_plan: Plan, tmp_path: Path) -> None:
    path = static_plan.to_excel(tmp_path / "static.xlsx")
    book = openpyxl.load_workbook(path)
    unlocked = [[cell.value for cell in book["Inputs"][row]][:2] for row in range(9, 20)
                if not book["Inputs"][row][3].protection.locked]  # fmt: skip
    named = dict(unlocked)
    assert list(named) == [
        "discount_rate", "budget_mn", "carbon_price_factor", "capex_factor", "om_factor", "energy_factor",
    ]  # fmt: skip
    assert str(named["budget_mn"]).startswith("maximum annual cost, with annualised capital")
    prices = [cell for row in book["Series"].iter_rows() for cell in row if not cell.protection.locked]
    assert len(prices) == 1
    prices[0].value = 100
    book["Inputs"]["D11"].value = 250
    book.save(tmp_path / "edited.xlsx")
    read = read_edited_workbook(tmp_path / "edited.xlsx")
    assert (read.scenario.budget.total_mn, read.scenario.policy.carbon_price_per_t[2024]) == (250, 100)


def test_static_plan_is_reported_as_a_representative_year(static_plan: Plan, tmp_path: Path) -> None:
    book = read_back(static_plan, tmp_path)
    answer = " ".join(texts(book["Cover"]))
    cost = f"{sum(static_plan.cost_terms.values()):,.0f}"
    assert (
        "In a representative year the plan captures" in answer
        and f"the annual cost is {cost} million; the budget is 300 million" in answer
    )
    every = " ".join(text for name in SHEETS for text in texts(book[name]))
    assert "In the last period" not in every
    message = run_text(static_plan.to_dict(), Path("run"))
    assert (
        f"Annual cost {cost} million CNY 2024 of the budget of 300 million" in message
        and "over the horizon" not in message
    )
    assert "Costs per tonne also count interest during construction." in " ".join(message.split())
    # Without it, costs per tonne and those within the budget are the same.
    document = static_plan.to_dict()
    document["totals"] |= {"cost_mn_pa": sum(static_plan.cost_terms.values())}
    assert "interest during construction" not in " ".join(run_text(document, Path("run")).split())


def test_map_draws_links_in_the_direction_of_flow(shared_plan: Plan) -> None:
    features = json.loads(geojson_text(shared_plan))["features"]
    network = shared_plan.problem.network
    assert network is not None
    at = {row.node: [round(row.lon_deg, 5), round(row.lat_deg, 5)] for row in network.nodes.itertuples()}
    drawn = {each["properties"]["id"]: each for each in features if each["properties"]["kind"] in ("pipe", "truck")}
    links = links_in_use(shared_plan).set_index("link")
    assert set(drawn) == set(links.index)
    for link, row in links.iterrows():
        assert drawn[link]["geometry"]["coordinates"] == [at[row["from_node"]], at[row["to_node"]]]
        assert drawn[link]["properties"]["flow_ktpa"] == pytest.approx(row["flow_ktpa"])
    capex = sum(each["properties"]["capex_mn"] for each in drawn.values())
    assert capex == pytest.approx(shared_plan.totals["pipe_capex_mn"], rel=1e-9)
    kinds = {each["properties"]["kind"] for each in features}
    hubs = {each["properties"]["id"] for each in features if each["properties"]["kind"] == "hub"}
    assert hubs == set(network.nodes.loc[network.nodes["kind"] == "hub", "node"])
    assert {"plant", "site", "pipe"} <= kinds <= {"plant", "site", "hub", "pipe", "truck"}


def test_every_node_has_a_name(shared_plan: Plan) -> None:
    network = shared_plan.problem.network
    assert network is not None
    names = node_names(shared_plan)
    assert set(network.nodes["node"]) <= set(names)
    hub = "hub " + network.node_of_plant[next(iter(network.node_of_plant))]
    nodes = pd.concat([network.nodes, network.nodes.iloc[:1].assign(node=[hub], kind="hub")], ignore_index=True)
    with_hub = replace(shared_plan, problem=replace(shared_plan.problem, network=replace(network, nodes=nodes)))
    assert node_names(with_hub)[hub].startswith("hub by ")


def test_a_run_folder_lists_every_candidate_link(shared_plan: Plan, tmp_path: Path) -> None:
    folder = write_run_folder(shared_plan, tmp_path / "run")
    names = {path.stem for path in (folder / "tables").iterdir()}
    assert (
        {"links", "flows", "storage", "shares", "pipes", "retrofits", "costs"} <= names == set(tables_of(shared_plan))
    )
    with (folder / "tables" / "links.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["link", "node_a", "node_b", "kind", "length_km", "cost_factor", "is_corridor"]
    assert len(rows) == len(candidate_links(shared_plan))
    assert {row["link"] for row in rows if row["is_corridor"] == "yes"} == set(shared_plan.corridors or ())


CORRIDORS = """\
name: Within corridors of my own
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1200}
transport: {corridors: mine/ways.csv, trucks: false}
storage: {sites: [Qinshui]}
budget: {total_mn: 900}
solver: {mip_gap: 0.01, threads: 1}
"""


@pytest.fixture
def scenario_folder(tmp_path: Path, solved: Callable[..., Plan]) -> Path:
    """A folder with a scenario and its corridor file, which has the corridors of the plan of a similar scenario."""
    found = solved(NETWORK, {"storage.sites": ["Qinshui"], "transport.trucks": False, "solver.mip_gap": 0.01})
    (tmp_path / "desk" / "mine").mkdir(parents=True)
    links = candidate_links(found)
    links[links["is_corridor"]].to_csv(tmp_path / "desk" / "mine" / "ways.csv", index=False)
    (tmp_path / "desk" / "scenario.yaml").write_text(CORRIDORS, encoding="utf-8")
    return tmp_path / "desk"


def test_corridor_file_is_copied_and_its_content_changes_the_run_key(
    scenario_folder: Path, tmp_path: Path, solved: Callable[..., Plan]
) -> None:
    scenario, inputs = read_checked(scenario_folder / "scenario.yaml")
    plan = solved(NETWORK, {"storage.sites": ["Qinshui"], "transport.trucks": False, "solver.mip_gap": 0.01})
    requested = replace(plan, problem=replace(plan.problem, scenario=scenario))
    folder = write_run_folder(requested, tmp_path / "run")
    assert (folder / "own" / "ways.csv").read_bytes() == (scenario_folder / "mine" / "ways.csv").read_bytes()
    text = (folder / "scenario.resolved.yaml").read_text(encoding="utf-8")
    assert '  corridors: "own/ways.csv"  # scenario.yaml:4, copied from ways.csv\n' in text
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert "own/ways.csv" in manifest["outputs"] and "own:corridors" in manifest["inputs"]
    assert manifest["gap_share"] >= manifest["searched_gap_share"]
    # Changing the content of the corridor file changes the run key.
    before = run_key(scenario, inputs).sha256
    (scenario_folder / "mine" / "ways.csv").write_text("link\n", encoding="utf-8")
    assert run_key(scenario, inputs).sha256 != before


def test_empty_plan_of_a_network_states_why_nothing_is_built(solved: Callable[..., Plan], tmp_path: Path) -> None:
    empty = solved(NETWORK, {"budget.total_mn": 0})
    book = read_back(empty, tmp_path)
    for name in ("Cover", "Transport", "Storage", "Economics"):
        assert any("Nothing is built because the budget is 0" in text for text in texts(book[name])), name
    assert "Nothing is built" in run_text(empty.to_dict(), tmp_path)
    assert json.loads(geojson_text(empty))["features"]
    assert tables_of(empty)["pipes"].empty


def test_continuous_plan_of_a_network_can_be_reported(solved: Callable[..., Plan], tmp_path: Path) -> None:
    continuous_plan = solved(NETWORK, {"capture.decisions": "continuous"})
    assert continuous_plan.corridors is None and candidate_links(continuous_plan)["is_corridor"].all()
    book = read_back(continuous_plan, tmp_path)
    assert any("Every candidate link is in the model" in text for text in texts(book["Transport"]))
    assert "corridor" not in run_text(continuous_plan.to_dict(), tmp_path)
    assert MappingProxyType(tables_of(continuous_plan))["shares"]["capex_mn"].ge(0).all()


def test_merit_order_needs_neither_targets_nor_electricity_prices(
    shared_plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requested = shared_plan.problem.scenario.with_changes(
        {"objective": "min_cost", "targets.abatement_share": {2031: 0.9}, "plants.require": ["NH3_82"]}
    )
    problem = replace(shared_plan.problem, scenario=requested)
    listed = macc_table(problem, shared_plan.retrofits)
    assert list(listed) == COLUMNS and len(listed) and listed["in_plan"].any()

    def unpriced(*_: object) -> None:
        raise InputError([Issue("prices/power.csv", "no row")])

    monkeypatch.setattr(macc, "build_problem", unpriced)
    assert list(macc_table(problem, shared_plan.retrofits)) == COLUMNS
    assert any("no table has an electricity price" in text for text in texts(read_back(shared_plan, tmp_path)["MACC"]))

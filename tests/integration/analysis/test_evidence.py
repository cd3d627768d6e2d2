"""Evidence for the results of a plan: quality shares, sources, published ranges and sensitivities."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.analysis.evidence import Evidence, evidence
from ccs_model.cli.shipped import N_SHOWN, evidence_text
from ccs_model.errors import FileError
from ccs_model.plan.citations import Amount, Citation
from ccs_model.plan.plan import Plan
from tests.integration.faults.conftest import run_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plan(solved: Callable[..., Plan]) -> Plan:
    shared = {"transport.shared_trunklines": True, "transport.pipe_costs": "as_built", "storage.sites": ["Qinshui"]}
    return solved(shared, {"calibration.use": "median"})


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.to_folder(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="module")
def found(folder: Path) -> Evidence:
    return evidence(folder)


def test_amounts_match_the_plan_and_shares_sum_to_one(plan: Plan, found: Evidence) -> None:
    shares = found.shares.set_index("amount")
    assert shares["value"]["captured tonnes"] == pytest.approx(plan.totals["captured_ktpa"])
    assert shares["value"]["capital"] == pytest.approx(plan.totals["capex_mn"])
    assert shares["value"]["capital of pipelines"] == pytest.approx(plan.totals["pipe_capex_mn"])
    sums = shares[["documented_share", "estimated_share", "assumed_share"]].sum(axis=1)
    assert sums.to_numpy() == pytest.approx(1.0)
    assert (found.sources["share"] <= 1 + 1e-12).all()


def test_the_tolerance_of_the_budget_check_scales_with_the_budget(plan: Plan) -> None:
    """Constraints hold to a millionth of their terms: for a budget of 2,000 million that is 2,000 CNY, not 1 CNY."""
    checks = plan.checks.set_index("name")
    assert checks["tolerance"]["spending beyond the budget"] == pytest.approx(1e-6 * plan.problem.budget_mn)
    assert checks["tolerance"]["every constraint holds"] == 1e-6


def test_capital_of_capture_has_the_quality_of_its_technology(plan: Plan, found: Evidence) -> None:
    """The capital of a vent rests on one number, the reference capex of its technology."""
    quality = plan.problem.inputs["technologies/technologies"].set_index("technology")["quality"]
    built = plan.retrofits.assign(quality=plan.retrofits["technology"].map(quality))
    assert set(built["technology"]) <= {"compression", "purification"}
    by_hand = built.loc[built["quality"].isin(["measured", "reported"]), "capture_capex_mn"].sum()
    shares = found.shares.set_index("amount").loc["capital of capture"]
    assert shares["documented_share"] == pytest.approx(by_hand / built["capture_capex_mn"].sum())
    # Qilu-Shengli is a Chinese project, and nothing else is cited.
    assert shares["built_projects_share"] == pytest.approx(1.0)


def test_captured_tonnes_rest_on_the_assumed_delivered_share_and_on_the_inventory(plan: Plan, found: Evidence) -> None:
    """Every captured tonne is multiplied by the assumed delivered share, so no tonne is documented."""
    tonnes = found.sources[found.sources["amount"] == "captured tonnes"].set_index("table")
    share = tonnes.loc["pilots/priors"]
    assert (share["reference"], share["quality"], share["share"]) == ("CCS-TRACK", "assumed", 1.0)
    shares = found.shares.set_index("amount").loc["captured tonnes"]
    assert (shares["documented_share"], shares["assumed_share"]) == (0.0, 1.0)
    # A plant with an assumed column counts as assumed.
    table = plan.problem.inputs["plants/chemicals"].set_index("plant")
    partly = {plant for plant in plan.retrofits["plant"] if table.at[plant, "assumed_columns"]}
    captured = plan.retrofits.set_index("plant")["captured_ktpa"]
    expected = captured[captured.index.isin(partly)].sum() / captured.sum()
    plants = found.sources[
        (found.sources["table"] == "plants/chemicals") & (found.sources["amount"] == "captured tonnes")
    ]
    assert plants.loc[plants["quality"] == "assumed", "share"].sum() == pytest.approx(expected)


def test_capital_of_storage_cites_site_well_and_rate_tables_but_no_operating_costs(found: Evidence) -> None:
    storage = found.sources[found.sources["amount"] == "capital of storage"]
    assert set(storage["table"]) == {"storage/class_costs", "storage/reservoir_classes", "storage/well_rates"}
    assert "SIMCCS-SE" not in set(storage["reference"]), "the source of the O&M of wells"


def test_capital_of_pipelines_cites_built_pipelines_in_china(found: Evidence) -> None:
    (row,) = found.sources[found.sources["amount"] == "capital of pipelines"].to_dict("records")
    assert (row["reference"], row["projects_in"], row["share"]) == ("CN-PIPES", "China", 1.0)
    assert "Qilu-Shengli" in found.titles["CN-PIPES"]


def test_published_ranges_are_compared_with_the_costs_of_the_retrofits_they_cover(plan: Plan, found: Evidence) -> None:
    ranges = found.published.set_index("anchor")
    assert "demonstrations_steel" not in ranges.index, "the plan has no steel plant"
    captured = plan.retrofits["captured_ktpa"].sum()
    totals = plan.totals
    assert ranges["cost_per_t"]["storage"] == pytest.approx(totals["storage_cost_per_t"])
    pipes = [name for name in plan.retrofits if name.startswith("pipe_") and name.endswith("_mn_pa")]
    transport_mn_pa = plan.retrofits[[*pipes, "haul_mn_pa"]].to_numpy().sum()
    assert ranges["cost_per_t"]["transport"] == pytest.approx(1000 * transport_mn_pa / captured)
    # An et al. state 21 to 60 CNY of 2024, the money of the plan.
    assert (ranges["low_per_t"]["storage"], ranges["high_per_t"]["storage"]) == (21, 60)
    vents = plan.retrofits[plan.retrofits["stream"] == "product_vent"]
    assert ranges["n_retrofits"]["vents_near_a_sink"] == len(vents)
    cost = 1000 * vents["cost_mn_pa"].sum() / vents["captured_ktpa"].sum()
    assert ranges["cost_per_t"]["vents_near_a_sink"] == pytest.approx(cost)
    # Carbon market and social cost: the break-even figures of the plan, in CNY of 2024.
    assert ranges["cost_per_t"]["carbon_market"] == pytest.approx(totals["owners_break_even_price_per_t"])
    assert ranges["cost_per_t"]["social_cost"] == pytest.approx(totals["break_even_carbon_value_per_t"])
    # 140 USD of 2020, converted to 2024 with the US deflator and then at 7.1957 CNY/USD.
    assert ranges["low_per_t"]["social_cost"] == pytest.approx(140 * 118.8 / 100 * 7.1957, rel=0.02)
    assert (found.published["explanation"] != "").tolist() == (found.published["place"] != "inside").tolist()


def test_the_quality_of_an_amount_is_that_of_its_weakest_number() -> None:
    def cited(*qualities: str) -> Amount:
        return Amount("capital", 1.0, tuple(Citation(each.upper(), each, "t") for each in qualities))

    assert cited("measured", "reported").group == "documented"
    assert cited("measured", "estimated").group == "estimated"
    assert cited("reported", "assumed", "estimated").group == "assumed"
    assert cited().group == "assumed"
    assert cited("measured", "reported").is_built({"MEASURED": "China", "REPORTED": "Canada"})
    assert not cited("measured", "reported").is_built({"MEASURED": "China"})
    assert not cited().is_built({})


def test_abatement_of_a_fixed_plan_depends_on_the_delivered_share_but_not_on_costs(plan: Plan, found: Evidence) -> None:
    moved = found.sensitivities.set_index("input")
    delivered = moved.loc["delivered_share"]
    for end in ("low", "high"):
        # Tonnes are proportional to the delivered share.
        expected = delivered[end] / plan.problem.delivered_share - 1.0
        assert delivered[f"fixed_abatement_{end}_share"] == pytest.approx(expected, abs=1e-9)
        assert moved.loc["pipe_cost", f"fixed_abatement_{end}_share"] == pytest.approx(0.0, abs=1e-12)
    assert moved.loc["pipe_cost", "fixed_cost_low_share"] < 0 < moved.loc["pipe_cost", "fixed_cost_high_share"]
    # With more expensive capture the budget buys less abatement; with cheaper capture never less.
    assert moved.loc["capture_capex", "replanned_abatement_high_share"] < 0
    assert moved.loc["capture_capex", "replanned_abatement_low_share"] >= -1e-9
    # Triangular from 0.7 over 1 to 1.5: 5 % of the area lies below 0.7 + √(0.05 × 0.8 × 0.3).
    assert moved.loc["pipe_cost", "low"] == pytest.approx(0.7 + math.sqrt(0.05 * 0.8 * 0.3))
    assert moved.loc["pipe_cost", "high"] == pytest.approx(1.5 - math.sqrt(0.05 * 0.8 * 0.5))


def test_the_command_prints_text_or_json(
    folder: Path, found: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    answer = run_command(["data", "--evidence", str(folder)], tmp_path)
    assert answer.code == 0, answer.err
    assert "Documented numbers" in answer.out and "CN-PIPES (projects in China)" in answer.out
    assert "delivered share" in answer.out
    document = json.loads(run_command(["data", "--evidence", str(folder), "--json"], tmp_path).out)
    assert document["schema"] == "ccs-model/evidence/2"
    assert document["shares"][0]["value"] == pytest.approx(found.shares["value"][0])
    assert len(document["sensitivities"]) == len(found.sensitivities)


def test_a_narrow_terminal_shows_every_name_in_full(found: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = evidence_text(found).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "captured, carried, stored, abated or avoided in the last period" in text
    shown = found.sensitivities.head(N_SHOWN)["input"].str.replace("_", " ")
    assert len(shown) and all(name in text for name in shown)


def test_a_table_and_a_run_together_are_a_usage_error(folder: Path, tmp_path: Path) -> None:
    answer = run_command(["data", "technologies/technologies", "--evidence", str(folder)], tmp_path)
    assert answer.code == 2 and "give only one of TABLE, --country and --evidence" in answer.err


def test_a_folder_that_is_missing_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such run folder"):
        evidence(tmp_path / "nothing")


def test_a_plan_without_retrofits_has_no_shares(solved: Callable[..., Plan], tmp_path: Path) -> None:
    nothing = evidence(solved({"budget.total_mn": 0}).to_folder(tmp_path / "nothing"))
    assert (nothing.shares["value"] == 0).all() and nothing.shares["documented_share"].isna().all()
    assert nothing.sources.empty


def test_empty_tables_are_omitted_from_the_text(solved: Callable[..., Plan], tmp_path: Path) -> None:
    solved({"budget.total_mn": 0}).to_folder(tmp_path / "nothing")
    answer = run_command(["data", "--evidence", "nothing"], tmp_path)
    assert answer.code == 0, answer.err
    assert "capital of storage" in answer.out and "published range" not in answer.out and "Sources:" not in answer.out
    assert "that move the result most" not in answer.out

"""Cost factors, earliest years and capacities of a scenario change only the values that they name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.errors import InputError
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

SHARED = {"transport.shared_trunklines": True, "transport.pipe_costs": "as_built", "storage.sites": ["Qinshui"]}


@pytest.mark.parametrize("shared", [False, True])
def test_each_factor_scales_its_kind_of_cost(problem_of: Callable[..., Problem], shared: bool) -> None:
    changes = SHARED if shared else {}
    plain = problem_of(changes)
    scaled = problem_of(changes, {"costs.capex_factor": 2.0, "costs.om_factor": 3.0, "costs.energy_factor": 5.0})
    for name, factor in (("capex_mn", 2), ("fixed_om_mn_pa", 3), ("pipe_om_mn_pa", 3), ("well_om_mn_pa", 3),
                         ("length_km", 1), ("nameplate_ktpa", 1)):  # fmt: skip
        assert scaled.routes[name].to_numpy(float) == pytest.approx(factor * plain.routes[name].to_numpy(float)), name
    for name, factor in (("heat", 5), ("capture_power", 5), ("pipe_power", 3), ("storage", 3),
                         ("capture_variable_om", 3)):  # fmt: skip
        assert scaled.cost_per_t[name] == pytest.approx(factor * plain.cost_per_t[name]), name
    if shared:
        lines = [problem.network.lines for problem in (plain, scaled) if problem.network is not None]
        fixed_om = [line["om_share"] * line["fixed_mn"] for line in lines]
        assert fixed_om[1].to_numpy() == pytest.approx(3 * fixed_om[0].to_numpy())
        assert lines[1]["fixed_mn"].to_numpy() == pytest.approx(2 * lines[0]["fixed_mn"].to_numpy())
        # Power of pumps counts as O&M.
        assert plain.line_power_per_t is not None and plain.line_power_per_t.any()
        assert scaled.line_power_per_t == pytest.approx(3 * plain.line_power_per_t)


@pytest.mark.slow
def test_npv_of_the_same_retrofits_falls_by_the_added_energy_cost(solved: Callable[..., Plan]) -> None:
    # The retrofits are the same at both factors: the budget does not bind, and abatement is maximised.
    ample_budget = {"budget.total_mn": 1e5, "finance.tax_share": 0.0}
    plain, scaled = solved(ample_budget), solved(ample_budget, {"costs.energy_factor": 2.0})
    assert list(plain.retrofits["plant"]) == list(scaled.retrofits["plant"])
    energy = -sum(plain.cost_terms[name] for name in ("heat_mn", "capture_power_mn"))
    assert scaled.totals["npv_mn"] - plain.totals["npv_mn"] == pytest.approx(energy, rel=1e-9)


@pytest.mark.parametrize("not_before", [2029, 2031])
def test_plant_starts_no_earlier_than_its_not_before_year(problem_of: Callable[..., Problem], not_before: int) -> None:
    # The periods begin in 2026 and 2031.
    plain = problem_of()
    plant = str(plain.routes["plant"].iloc[0])
    later = problem_of({"plants.not_before": {plant: not_before}})
    of_plant = (later.routes["plant"] == plant).to_numpy()
    assert not later.running_share[of_plant][:, 0].any() and later.running_share[of_plant][:, 1].any()
    assert np.array_equal(later.running_share[~of_plant], plain.running_share[~of_plant])


def test_scenario_capacity_replaces_the_site_capacity(problem_of: Callable[..., Problem]) -> None:
    site = str(problem_of().sites["site"].iloc[0])
    sites = problem_of({"storage.capacity_kt": {site: 123.0}}).sites.set_index("site")
    assert sites.at[site, "capacity_kt"] == sites.at[site, "capacity_high_kt"] == 123.0


@pytest.mark.parametrize(
    ("key", "names"), [("plants.not_before", {"NH3_9999": 2030}), ("storage.capacity_kt", {"x": 1.0})]
)
def test_unknown_names_are_reported(problem_of: Callable[..., Problem], key: str, names: dict[str, float]) -> None:
    with pytest.raises(InputError, match="is not in the tables"):
        problem_of({key: names})

"""The owners' accounts as numbers: the values behind the live formulas of the workbook."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr
from ccs_model.plan.money import budgeted_cost_mn_pa
from ccs_model.plan.owners import CAPITAL, FLOWS, SOLD, taxed_yearly_flows
from ccs_model.plan.plan import Plan

# Annual flows given by the solution; capital, carbon revenue, tax and salvage value follow from other cells.
GIVEN = (
    "capture_om_mn", "energy_mn", "transport_om_mn", "storage_om_mn", "oil_mn", "paid_mn", "drawn_mn", "interest_mn",
    "repaid_mn",
)  # fmt: skip
_DUST = 1e-12
_NOTHING = 1e-9


def has_accounts(plan: Plan) -> bool:
    """Whether the plan has owners' accounts; a static year and an empty plan have none."""
    return plan.owner_cashflow is not None and len(plan.owner_cashflow) > 0


def budgeted_parts_mn_pa(plan: Plan) -> tuple[float, float]:
    """Return the annual cost that the budget of a static year counts, and the revenue and payments in it; million.

    The budget counts capital without interest during construction.
    """
    table, problem = plan.retrofits, plan.problem
    tasc = problem.routes.set_index("route")["tasc_factor"].reindex(table["route"]).to_numpy(float)
    interest = 0.0 if problem.scenario.capital_recovery_share else (1 - 1 / tasc) * table["capture_capital_mn_pa"]
    cost = float((table["cost_mn_pa"] - interest).sum())
    counted = budgeted_cost_mn_pa(plan.cost_terms)
    income = cost - counted
    # Sums in another order differ in their last digits.
    return (counted, income) if abs(income) > _NOTHING * max(abs(cost), 1.0) else (cost, 0.0)


def taxed_items(plan: Plan) -> tuple[str, ...]:
    """Items of GIVEN that are taxable income."""
    return tuple(name for name in taxed_yearly_flows(plan.problem) if name in GIVEN)


def plants_of(plan: Plan) -> list[str]:
    """Plants with retrofits, in the order of their accounts."""
    assert plan.owners is not None
    return [str(plant) for plant in plan.owners["plant"][:-1]]


def capital_of(plan: Plan) -> pd.DataFrame:
    """plan.owner_capital with present, salvage, depreciation and book values. Million."""
    assert plan.owner_capital is not None
    problem, table = plan.problem, plan.owner_capital.reset_index(drop=True)
    rate, social, end = problem.discount_rate, problem.accounts.social_discount_rate, problem.horizon_end
    year, life, left = (table[name].to_numpy(float) for name in ("year", "life_yr", "left_yr"))
    spent = table["capital_mn"].to_numpy(float)
    dep = problem.scenario.finance.depreciation_yr
    calendar = problem.calendar
    written = (calendar >= year[:, None]) & (calendar < year[:, None] + dep)
    return table.assign(
        factor=1.0,
        spent_mn=spent,
        pv_mn=spent * (1 + rate) ** -(year - problem.first_year),
        salvage_mn=spent * annuity_yr(rate, left) / annuity_yr(rate, life),
        social_salvage_mn=spent * (annuity_yr(social, left) / annuity_yr(social, life)),
        written_to_year=np.minimum(year + dep, end),
        written_pv_mn=spent * (written * problem.discount).sum(axis=1) / dep,
        book_mn=spent * np.clip(1 - (end - year) / dep, 0, 1),
    )


def flows_of(plan: Plan, plant: str | None) -> dict[str, Floats]:
    """Rows of an account, each [calendar + 1]: FLOWS, their sums, and the bases of tax and ratios.

    `plant` None gives the account of all plants.
    """
    assert plan.owner_cashflow is not None and plan.owner_tonnes is not None
    problem = plan.problem
    table = plan.owner_cashflow if plant is None else plan.owner_cashflow[plan.owner_cashflow["plant"] == plant]
    sums = table.groupby("year").sum(numeric_only=True)
    found = {name: sums[name].to_numpy(float) for name in FLOWS}
    tonnes = plan.owner_tonnes if plant is None else plan.owner_tonnes[plan.owner_tonnes["plant"] == plant]
    for kind, rows in tonnes.groupby("name"):
        found[str(kind)] = rows.drop(columns=["plant", "name"]).sum().to_numpy(float)
    tax, end = problem.accounts.tax_share, problem.horizon_end
    when = np.r_[problem.calendar, end].astype(float)
    discount = np.r_[problem.discount, problem.closing_discount]
    net = np.asarray(sum(found[name] for name in FLOWS))
    own = -sum(found[name] for name in CAPITAL) - found["grants_mn"]
    dep = problem.scenario.finance.depreciation_yr
    written = (when[None, :] <= when[:, None]) & (when[None, :] > when[:, None] - dep)
    writing = (written * own).sum(axis=1)
    left = ((when > end - dep) * (1 - (end - when) / dep) * own).sum()
    interest = found["interest_mn"]
    before_debt = net - found["drawn_mn"] - interest - found["repaid_mn"]
    project = before_debt + tax * interest
    service = -(interest + found["repaid_mn"])
    cash = before_debt - sum(found[name] for name in CAPITAL) - found["grants_mn"]
    found |= {
        "when": when,
        "own_mn": own,
        "writing_mn": writing,
        "depreciation_mn": np.where(when < end, writing / dep, 0.0),
        "book_mn": np.where(when == end, left, 0.0),
        "net_mn": net,
        "without_carbon_mn": net - found["carbon_mn"] * (1 - tax),
        "discounted_mn": net * discount,
        "cumulative_mn": net.cumsum(),
        "cumulative_discounted_mn": (net * discount).cumsum(),
        "project_mn": project,
        "project_cumulative_mn": project.cumsum(),
        "project_discounted_mn": (project * discount).cumsum(),
        "cover": np.where((when < end) & (service > _DUST), cash / np.where(service > _DUST, service, 1.0), np.nan),
    }
    return found | _working_rows(found)


def _working_rows(found: dict[str, Floats]) -> dict[str, Floats]:
    """Working rows of rates of return and payback: signs, sign changes and years."""
    made: dict[str, Floats] = {}
    project = found["project_mn"]
    for name, flows in (
        ("net", found["net_mn"]),
        ("net_sum", found["cumulative_mn"]),
        ("project", project),
        ("project_sum", found["project_cumulative_mn"]),
    ):
        dust = _DUST * float(np.abs(flows).sum())
        # Zeros take the sign before them.
        sign = pd.Series(np.where(np.abs(flows) > dust, np.sign(flows), np.nan)).ffill().fillna(0.0).to_numpy()
        turn = (np.r_[0.0, sign[:-1]] * sign < 0).astype(float)
        # 1 if spending comes before income, as in an investment.
        begins = np.array([float(turn.any() and sign[sign != 0][0] < 0)])
        made |= {f"dust_{name}": np.full(len(flows), dust), f"sign_{name}": sign, f"turn_{name}": turn}
        made[f"sign_{name}_total"] = begins
    for name, flows in (("net", found["net_mn"]), ("project", project)):
        ends = float(abs(flows.sum()) > made[f"dust_{name}"][0])
        turns, of_sum = made[f"turn_{name}"].sum(), made[f"turn_{name}_sum"].sum()
        is_unique = made[f"sign_{name}_total"][0] == 1 and (turns == 1 or (turns > 1 and of_sum == 1 and ends == 1))
        made |= {f"ends_{name}": np.full(len(flows), ends), f"ends_{name}_total": np.array([float(is_unique)])}
    made["begun"] = np.maximum.accumulate((project != 0).astype(float))
    for name, sums in (("plain", found["project_cumulative_mn"]), ("discounted", found["project_discounted_mn"])):
        below = sums < -made["dust_project"]
        back = ~below & np.r_[False, below[:-1]]
        before, step = np.r_[0.0, sums[:-1]], np.diff(sums, prepend=0.0)
        # The last column is the end of the horizon, not a year.
        is_within_year = back & (step > 0) & (np.arange(len(sums)) < len(sums) - 1)
        parts = np.divide(-before, step, out=np.zeros(len(sums)), where=is_within_year)
        years = np.where(back, np.arange(len(sums)) + parts, 0.0)
        made |= {
            f"below_{name}": below.astype(float), f"below_{name}_total": np.array([float(below[-1])]),
            f"back_{name}": back.astype(float),
            f"years_{name}": years, f"years_{name}_total": np.array([years.max()]),
        }  # fmt: skip
    return made


def npv_by_plant(plan: Plan) -> pd.DataFrame:
    """Parts of each plant's net present value and the value itself, one row a plant. Million."""
    assert plan.owners is not None and plan.owner_tonnes is not None and plan.owner_cashflow is not None
    problem, plants = plan.problem, plants_of(plan)
    discount = np.r_[problem.discount, problem.closing_discount]
    capital = capital_of(plan).groupby("plant")[["pv_mn", "written_pv_mn", "salvage_mn", "book_mn"]].sum()
    flows = plan.owner_cashflow.set_index("plant")
    worth = flows[list(FLOWS)].mul(flows["discount_factor"], axis=0).groupby(level=0).sum().reindex(plants)
    cut = plan.owner_tonnes[plan.owner_tonnes["name"] != SOLD].set_index("plant").drop(columns="name").loc[plants]
    owners = plan.owners.set_index("plant").loc[plants]
    table = capital.reindex(plants, fill_value=0.0).rename(columns={"pv_mn": "capital_pv_mn"})
    return table.assign(
        money_pv_mn=worth[list(GIVEN)].sum(axis=1),
        taxed_pv_mn=worth[list(taxed_items(plan))].sum(axis=1),
        carbon_pv_mn=worth["carbon_mn"],
        tax_pv_mn=worth["tax_mn"].mul(-1.0),
        cut_pv_kt=(cut.to_numpy(float) * discount).sum(axis=1),
        npv_mn=owners["npv_mn"],
        break_even_carbon_price_per_t=owners["break_even_carbon_price_per_t"],
    ).reset_index()

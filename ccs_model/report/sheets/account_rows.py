"""The rows of an account with the years across, each with its formula: the programme's, or one plant's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ccs_model.plan.plan import Plan
from ccs_model.report.formulas import Formula
from ccs_model.report.sheet import Row, Sheet
from ccs_model.report.sheets.series import year_column, years_of
from ccs_model.report.style import CALCULATION, SOLVER
from ccs_model.report.table import Cell

Floats = npt.NDArray[np.float64]

FACTORS = {
    "capture_om_mn": "om_factor", "transport_om_mn": "om_factor", "storage_om_mn": "om_factor",
    "energy_mn": "energy_factor", "oil_mn": "oil_factor", "paid_mn": "subsidy_factor",
}  # fmt: skip
_LABELS = {
    "when": "Calendar year",
    "capture_capex_mn": "Capture units",
    "transport_capex_mn": "Transport, capital",
    "storage_capex_mn": "Storage, capital",
    "grants_mn": "Grants",
    "drawn_mn": "Loans and bonds drawn",
    "capture_om_mn": "Capture O&M",
    "energy_mn": "Heat and power for capture",
    "transport_om_mn": "Transport O&M",
    "storage_om_mn": "Storage O&M",
    "oil_mn": "Paid by oil fields",
    "carbon_mn": "Carbon value",
    "paid_mn": "Subsidy",
    "interest_mn": "Interest",
    "repaid_mn": "Debt repaid",
    "tax_mn": "Income tax",
    "salvage_mn": "Salvage",
    "net_mn": "Net to owners",
    "discounted_mn": "Net, discounted",
    "cumulative_mn": "Net, added up",
    "cumulative_discounted_mn": "Net, discounted, added up",
    "sold_kt": "Tonnes the carbon market takes",
    "direct_cut_kt": "Direct cut",
    "own_mn": "Capital less grants",
    "depreciation_mn": "Written off",
    "book_mn": "Left in the books",
    "project_mn": "Project, before loans",
    "project_cumulative_mn": "Project, added up",
    "project_discounted_mn": "Project, discounted, added up",
    "cover": "Debt service cover",
}
_AMOUNTS = ("capture_capex_mn", "transport_capex_mn", "storage_capex_mn", "grants_mn")
_NOTES = {
    "own_mn": "what is written off",
    "book_mn": "taxed against salvage at the end",
    "project_mn": "net without loans and their tax",
    "cover": "cash before debt ÷ debt service",
}


def account_rows(sheet: Sheet, plan: Plan, values: Mapping[str, Floats], *, of_plant: bool) -> list[Row]:
    """Income positive, expense negative, then their sums and what tax and ratios are made from."""
    mine = ",{capital!n},plant_picked_n" if of_plant else ""
    tonnes = ",{tonnes!n},plant_picked_n" if of_plant else ""
    moneys = ",{money!n},plant_picked_n" if of_plant else ""
    templates: dict[str, str] = {"when": "={series!@when}"}
    for name, kind in zip(_AMOUNTS, ("capture", "transport", "storage", "grant"), strict=True):
        templates[name] = f'=-SUMIFS({{capital!spent_mn}},{{capital!kind}},"{kind}",{{capital!year}},{{@when}}{mine})'
    for name in ("drawn_mn", "capture_om_mn", "energy_mn", "transport_om_mn", "storage_om_mn", "oil_mn"):
        templates[name] = _given(name, moneys)
    templates["carbon_mn"] = "={@sold_kt}*{series!@carbon}/1000"
    for name in ("paid_mn", "interest_mn", "repaid_mn"):
        templates[name] = _given(name, moneys)
    templates["tax_mn"] = (
        "=-tax_share*({@capture_om_mn}+{@energy_mn}+{@transport_om_mn}+{@storage_om_mn}+{@oil_mn}+{@carbon_mn}"
        "+{@paid_mn}+{@interest_mn}-{@depreciation_mn}+{@salvage_mn}-{@book_mn})"
    )
    salvage = "SUMIFS({capital!salvage_mn},{capital!n},plant_picked_n)" if of_plant else "SUM({capital!salvage_mn})"
    templates["salvage_mn"] = f"=IF({{@when}}=horizon_end,{salvage},0)"
    templates["net_mn"] = "=SUM({@capture_capex_mn}:{@salvage_mn})"
    templates["discounted_mn"] = "={@net_mn}*{series!@discount}"
    templates["cumulative_mn"] = "=SUM({<@cumulative_mn},{@net_mn})"
    templates["cumulative_discounted_mn"] = "=SUM({<@cumulative_discounted_mn},{@discounted_mn})"
    for name in ("sold_kt", "direct_cut_kt"):
        templates[name] = f'=SUMIFS({{tonnes!:col}},{{tonnes!kind}},"{name}"{tonnes})'
    templates["own_mn"] = "=-({@capture_capex_mn}+{@transport_capex_mn}+{@storage_capex_mn}+{@grants_mn})"
    templates["depreciation_mn"] = (
        "=IF({@when}<horizon_end,SUMPRODUCT({@own_mn:all}*({@when:all}<={@when})"
        "*({@when:all}>{@when}-depreciation_yr))/depreciation_yr,0)"
    )
    templates["book_mn"] = (
        "=IF({@when}=horizon_end,SUMPRODUCT({@own_mn:all}*({@when:all}>horizon_end-depreciation_yr)"
        "*(1-(horizon_end-{@when:all})/depreciation_yr)),0)"
    )
    templates["project_mn"] = "={@net_mn}-{@drawn_mn}-{@interest_mn}-{@repaid_mn}+tax_share*{@interest_mn}"
    templates["project_cumulative_mn"] = "=SUM({<@project_cumulative_mn},{@project_mn})"
    templates["project_discounted_mn"] = "=SUM({<@project_discounted_mn},{@project_mn}*{series!@discount})"
    templates["cover"] = (
        "=IF(AND({@when}<horizon_end,-({@interest_mn}+{@repaid_mn})>0.000000000001),({@project_mn}-{@capture_capex_mn}"
        '-{@transport_capex_mn}-{@storage_capex_mn}-{@grants_mn})/-({@interest_mn}+{@repaid_mn}),"")'
    )
    discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
    return [_row(sheet, plan, name, template, values[name], discount) for name, template in templates.items()]


def _given(name: str, criterion: str) -> str:
    factor = f"{FACTORS[name]}*" if name in FACTORS else ""
    return f'={factor}SUMIFS({{money!:col}},{{money!item}},"{name}"{criterion})'


def _row(sheet: Sheet, plan: Plan, name: str, template: str, values: Floats, discount: Floats) -> Row:
    is_flow = name.endswith("_mn") and "cumulative" not in name and name not in ("discounted_mn", "book_mn")
    is_flow = is_flow and name != "project_discounted_mn"
    row: dict[str, object] = {
        "id": name,
        "item": _LABELS[name],
        "unit": sheet.unit(name),
        "class": CALCULATION.letter,
        "note": _NOTES.get(name, ""),
        **_years(plan, name, template, values),
    }
    if is_flow:
        row["total_mn"] = Formula(f"=SUM({{@{name}:all}})", float(values.sum()))
        row["pv_mn"] = Formula(f"=SUMPRODUCT({{@{name}:all}},{{series!@discount:all}})", float(values @ discount))
    return row


def _years(plan: Plan, name: str, template: str, values: Floats) -> dict[str, object]:
    kind = SOLVER if name in ("sold_kt", "direct_cut_kt") else CALCULATION
    form = "year" if name == "when" else name
    style = "total" if name in ("net_mn", "project_mn") else "cell"
    return {
        year_column(year): Cell(Formula(template, "" if np.isnan(value) else float(value)), form, kind, style)
        for year, value in zip(years_of(plan.problem), values, strict=True)
    }


def working_rows(plan: Plan, values: Mapping[str, Floats], account: str) -> Iterator[Row]:
    """Signs, turning points and the year of payback: where rates of return and paybacks are read from."""
    flows = {"net": "net_mn", "net_sum": "cumulative_mn", "project": "project_mn",
             "project_sum": "project_cumulative_mn"}  # fmt: skip
    for name, flow in flows.items():
        cell, row = f"{{{account}!@{flow}}}", f"{{{account}!@{flow}:all}}"
        yield _work(
            plan, f"dust_{name}", "counts as 0",
            f"=0.000000000001*(SUMPRODUCT(({row}>0)*{row})-SUMPRODUCT(({row}<0)*{row}))", values,
        )  # fmt: skip
        yield _work(
            plan, f"sign_{name}", "1 or -1, carried over zeros",
            f"=IF({cell}>{{@dust_{name}}},1,IF({cell}<-{{@dust_{name}}},-1,SUM({{<@sign_{name}}})))", values,
        )  # fmt: skip
        yield _work(
            plan, f"turn_{name}", "1 where the sign changes",
            f"=IF(SUM({{<@sign_{name}}})*{{@sign_{name}}}<0,1,0)", values,
        )  # fmt: skip
    project = f"{{{account}!@project_mn}}"
    yield _work(plan, "begun", "1 from the first flow on", f"=IF(OR({project}<>0,MAX({{<@begun}})=1),1,0)", values)
    for name, sums in (("plain", "project_cumulative_mn"), ("discounted", "project_discounted_mn")):
        cell, left = f"{{{account}!@{sums}}}", f"SUM({{{account}!<@{sums}}})"
        yield _work(
            plan, f"was_{name}", "1 once it was below 0",
            f"=IF({cell}<-{{@dust_project}},1,MAX({{<@was_{name}}}))", values,
        )  # fmt: skip
        yield _work(
            plan, f"back_{name}", "1 in the year in which it is back",
            f"=IF(AND({{@was_{name}}}=1,{cell}>=-{{@dust_project}},MAX({{<@done_{name}}})=0),1,0)", values,
        )  # fmt: skip
        yield _work(plan, f"done_{name}", "1 from then on", f"=MAX({{<@done_{name}}},{{@back_{name}}})", values)
        yield _work(
            plan, f"years_{name}", "years to it, straight within a year",
            f"=IF({{@back_{name}}}=1,{{series!@when}}-first_year-1+IF({cell}>{left},-{left}/({cell}-{left}),0),0)",
            values,
        )  # fmt: skip


def _work(plan: Plan, name: str, note: str, template: str, values: Mapping[str, Floats]) -> Row:
    return {
        "id": name,
        "item": name.replace("_", " ").capitalize(),
        "unit": "",
        "class": CALCULATION.letter,
        "note": note,
        **{
            year_column(year): Cell(Formula(template, float(value)), "", CALCULATION)
            for year, value in zip(years_of(plan.problem), values[name], strict=True)
        },
    }

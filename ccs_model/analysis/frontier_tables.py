"""The tables of a frontier from its budget points: objective, plants and changes at each budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.analysis.budget_points import BudgetPoint
from ccs_model.analysis.merit_order_budget import RankedList
from ccs_model.mip import Matrix
from ccs_model.mip.highs import gap_share
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import breakdown
from ccs_model.plan.cost_sharing import Sharing
from ccs_model.plan.decisions import BUILT, Point, point_of
from ccs_model.plan.plan import CHANGES, ENTERS, LEAVES, MOVE_COLUMNS, POINT_COLUMNS
from ccs_model.plan.plan_json import plain
from ccs_model.plan.tables import links_table, retrofits_table
from ccs_model.problem import Problem
from ccs_model.solve.assembly import plan_status

_NAMED = 3
_DECIMALS = 5

Row = dict[str, Any]


def points_of(
    problem: Problem,
    matrix: Matrix,
    row: int,
    budget_points: Sequence[BudgetPoint],
    ranked: RankedList | None,
    own_mn: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[Mapping[str, Any], ...]]:
    """Return one row per budget point, one row per plant that changes, and the map of each budget point."""
    spending = matrix.rows[[row], :].toarray().ravel()
    rows: list[Row] = []
    moves: list[Row] = []
    pictures = []
    before: dict[str, Row] = {}
    for k, budget_point in enumerate(budget_points):
        point = point_of(problem, matrix, budget_point.x)
        sharing = Sharing.of(point) if problem.network is not None else None
        retrofits = retrofits_table(point, sharing)
        fitted = _retrofitted(retrofits)
        moved = _moved(budget_point.budget_mn, before, fitted) if k else []
        value, bound = budget_point.outcome.objective, budget_point.outcome.bound
        one: Row = {
            "budget_mn": budget_point.budget_mn,
            "abatement_kt": _abatement_kt(point),
            "spent_mn": float(spending @ budget_point.x),
            "avoided_ktpa": float(retrofits["avoided_ktpa"].sum()),
            "n_plants_retrofitted": len(fitted),
            "objective": value,
            "bound": _known(bound + 0.0),
            "gap_share": _known(gap_share(bound, value)),
            "all_links_bound": _known(budget_point.all_links_bound + 0.0),
            "all_links_gap_share": _known(gap_share(budget_point.all_links_bound, value)),
            "status": plan_status(
                gap_share(budget_point.all_links_bound, value), gap_share(bound, value), problem.scenario.solver.mip_gap
            ),
            **{key: _names(moved, change) for key, change in
               (("entering", ENTERS), ("leaving", LEAVES), ("changing", CHANGES))},
            "plants": " ".join(sorted(fitted)),
            "is_scenario": own_mn is not None and budget_point.budget_mn == own_mn,
        }  # fmt: skip
        if rows:
            one |= _more(rows[-1], one)
            one["unsure_kt"] = max(_unsure_kt(each) for each in (rows[-1], one))
        one["words"] = _words(one, moved, problem.money) if rows else "The lowest feasible budget."
        one |= _list(ranked, budget_point, fitted, matrix.maximise[0])
        rows.append(one)
        moves += moved
        pictures.append(_picture(budget_point.budget_mn, point, retrofits, fitted))
        before = fitted
    return (
        pd.DataFrame(rows, columns=POINT_COLUMNS),
        pd.DataFrame(moves, columns=MOVE_COLUMNS),
        tuple(pictures),
    )


def _abatement_kt(point: Point) -> float:
    """Abatement over the horizon, whatever the objective."""
    return float(
        sum(breakdown(OBJECTIVES["max_abatement"].first(point.problem), point.values, point.shortfall_kt).values())
    )


def _retrofitted(retrofits: pd.DataFrame) -> dict[str, Row]:
    """Amounts and retrofits of each retrofitted plant."""
    fitted: dict[str, Row] = {}
    ordered = retrofits.sort_values(["plant", "stream", "year", "technology"], kind="stable")
    for row in ordered.to_dict("records"):
        plant = fitted.setdefault(
            str(row["plant"]),
            {key: row[key] for key in ("plant", "name", "province", "sector")}
            | {"avoided_ktpa": 0.0, "capex_mn": 0.0, "retrofits": []},
        )
        plant["avoided_ktpa"] += float(row["avoided_ktpa"])
        plant["capex_mn"] += float(row["capex_mn"])
        part = "" if row["share"] == 1 else f" {row['share']:.1%}"
        size = "" if row["size"] in ("full", "") else f" {row['size']}"
        plant["retrofits"].append(f"{row['stream']} {row['technology']}{size}{part} {row['year']} → {row['site']}")
    return {name: {**row, "retrofits": "; ".join(row["retrofits"])} for name, row in fitted.items()}


def _moved(budget_mn: float, before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Row]:
    found = []
    for plant in sorted({*before, *after}):
        if plant in before and plant in after and before[plant]["retrofits"] == after[plant]["retrofits"]:
            continue
        change = CHANGES if plant in before and plant in after else ENTERS if plant in after else LEAVES
        found.append({"budget_mn": budget_mn, "change": change, **(after.get(plant) or before[plant])})
    order = (ENTERS, LEAVES, CHANGES)
    return sorted(found, key=lambda row: (order.index(row["change"]), -row["avoided_ktpa"], row["plant"]))


def _names(moved: Sequence[Row], change: str) -> str:
    return "; ".join(str(row["name"]) for row in moved if row["change"] == change)


def _known(number: float) -> float | None:
    """The number; None where a limit came before it was found."""
    return number if np.isfinite(number) else None


def _unsure_kt(row: Row) -> float:
    """By how much the abatement of a budget point may be too small; infinite where its gap is unknown."""
    return float("inf") if row["gap_share"] is None else float(row["gap_share"] * row["abatement_kt"])


def _more(before: Row, now: Row) -> Row:
    """Abatement of the step from the budget below."""
    added_mn, more_kt = now["budget_mn"] - before["budget_mn"], now["abatement_kt"] - before["abatement_kt"]
    return {
        "added_mn": added_mn,
        "more_kt": more_kt,
        "more_kt_per_mn": more_kt / added_mn,
        "capital_per_t": added_mn * 1000.0 / more_kt if more_kt > 1e-6 else None,
    }


def _words(row: Row, moved: Sequence[Row], money: str) -> str:
    """The step from the budget below, as a sentence; no statement where it is within the optimality gaps."""
    unsure_kt = row["unsure_kt"]
    if row["more_kt"] > max(0.5, unsure_kt):
        message = (
            f"{row['added_mn']:,.0f} million {money} more add {row['more_kt']:,.0f} kt over the horizon, "
            f"{row['capital_per_t']:,.0f} {money} of budget per tonne"
        )
    elif unsure_kt > 0.5:
        message = f"the effect of {row['added_mn']:,.0f} million {money} more is within the optimality gaps"
    elif row["more_kt"] < -0.5:
        message = f"{row['added_mn']:,.0f} million {money} more reduce abatement by {-row['more_kt']:,.0f} kt"
    else:
        message = f"{row['added_mn']:,.0f} million {money} more add no abatement"
    each = (
        (ENTERS, "{} enters", "{} enter"),
        (LEAVES, "{} leaves", "{} leave"),
        (CHANGES, "{} changes its retrofit", "{} change their retrofits"),
    )
    for change, one, several in each:
        names = [str(move["name"]) for move in moved if move["change"] == change]
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            message += "; " + (one if len(names) == 1 else several).format(", ".join(names[:_NAMED]) + more)
    return message + "."


def _list(ranked: RankedList | None, budget_point: BudgetPoint, fitted: Mapping[str, Row], maximise: bool) -> Row:
    """What the merit order reaches with the same budget, and the plants in which it differs from the plan."""
    if ranked is None:
        return {"list_objective": None, "list_short_share": None, "list_only": "", "plan_only": ""}
    take, value = ranked.takes[budget_point.budget_mn], budget_point.outcome.objective
    short = None
    if take.value is not None and value:
        short = (value - take.value) / abs(value) * (1.0 if maximise else -1.0)
    names = dict(zip(ranked.table["plant"], ranked.table["name"], strict=True))
    return {
        "list_objective": take.value,
        "list_short_share": short,
        "list_only": "; ".join(str(names[plant]) for plant in sorted(take.plants - set(fitted))),
        "plan_only": "; ".join(str(fitted[plant]["name"]) for plant in sorted(set(fitted) - take.plants)),
    }


def _picture(budget_mn: float, point: Point, retrofits: pd.DataFrame, fitted: Mapping[str, Row]) -> Mapping[str, Any]:
    """The map of a budget point: retrofitted plants with amounts, and pipes [lon, lat, lon, lat, kt/y]."""
    rows = retrofits[["plant", "name", "stream", "technology", "year", "site", "avoided_ktpa", "capex_mn"]]
    picture: dict[str, Any] = plain(
        {
            "budget_mn": budget_mn,
            "fitted": {plant: [row["avoided_ktpa"], row["capex_mn"]] for plant, row in fitted.items()},
            "rows": rows.to_dict("records"),
            "lines": _lines(point),
        }
    )
    return picture


def _lines(point: Point) -> list[list[float]]:
    problem = point.problem

    def places(frame: pd.DataFrame, key: str) -> dict[str, tuple[float, float]]:
        return {
            str(name): (round(float(lon), _DECIMALS), round(float(lat), _DECIMALS))
            for name, lon, lat in zip(frame[key], frame["lon_deg"], frame["lat_deg"], strict=True)
        }

    if problem.network is not None:
        nodes = places(problem.network.nodes, "node")
        last = links_table(point)
        last = last[last["year"] == problem.years[-1]]
        ends = zip(last["from_node"], last["to_node"], last["flow_ktpa"], strict=True)
        return [[*nodes[a], *nodes[b], round(float(flow), 3)] for a, b, flow in ends]
    plants, sites = places(problem.plants, "plant"), places(problem.sites, "site")
    flows = point.captured_ktpa[:, -1]
    return [
        [*plants[str(problem.routes["plant"].iloc[k])], *sites[str(problem.routes["site"].iloc[k])],
         round(float(flows[k]), 3)]
        for k in np.flatnonzero(flows > BUILT)
    ]  # fmt: skip

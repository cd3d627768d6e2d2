"""The result of a plan in a few words, and as a short text and HTML table for notebooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ccs_model.units import count_text, label_of, rounded_text, unit_text

# Totals that a notebook shows.
_SHOWN = (
    "n_retrofits", "n_plants_retrofitted", "captured_ktpa", "avoided_ktpa", "abatement_share", "capex_mn", "budget_mn",
    "capture_cost_per_t", "avoidance_cost_per_t", "npv_mn", "break_even_carbon_value_per_t",
)  # fmt: skip
# Share of a retrofit's CO₂ from which its site takes all, but for rounding.
ALL_AT_ONE_SITE = 0.995
NOT_CALIBRATED = "Not calibrated: capture delivers its design capacity (calibration.use: none)."
_CLASSES = {"vent": "vents", "flue_gas": "flue gas", "given": "given sources"}
_LABELS = {"n_retrofits": "Retrofits", "n_plants_retrofitted": "Plants retrofitted"}

Totals = Mapping[str, Any]


def headline(totals: Totals, money: str) -> str:
    """Return retrofits, tonnes avoided, abatement share and capital; `money` is its currency and price year."""
    if not totals["n_retrofits"]:
        return "nothing is built"
    return (
        f"{count_text(totals['n_retrofits'], 'retrofit')}, {megatonnes(totals['avoided_ktpa'])}/y avoided "
        f"({share_text(totals['abatement_share'])}), {rounded_text(totals['capex_mn'])} million {money}"
    )


def additions_text(names: Sequence[str]) -> str:
    """Return the warning of a plan whose model has other constraints, variables or bounds than its problem's."""
    added = ", ".join(names)
    return f"Added to the model or changed in it: {added}. Analyses of the plan and verify do not know them."


def uncalibrated_text(context: Mapping[str, Any]) -> str:
    """Return what a plan without calibration takes for delivered, from the context of plan.json."""
    shares = context.get("delivered_shares")
    if not shares:
        return NOT_CALIBRATED
    return f"Not calibrated. {class_text(shares)}"


def class_text(shares: Mapping[str, Sequence[float]]) -> str:
    """Return the delivered shares of classes in a sentence."""
    each = (f"{_CLASSES[name]} {' or '.join(f'{100 * one:.0f} %' for one in found)}" for name, found in shares.items())
    return f"Delivered shares assumed by class, not informed by the pilots: {', '.join(each)}."


# Over all candidate links, and within the links searched where these are not all.
Gaps = tuple[float | None, float | None]


def _gap_text(gap_share: float | None) -> str:
    return f"{gap_share:.2%}" if gap_share is not None and math.isfinite(gap_share) else "unknown"


def short_text(kind: str, name: str, status: str, gaps: Gaps, result: str) -> str:
    """Return the `repr` of a plan or a stored run; a second gap is that within the links searched."""
    over_all, searched = gaps
    within = "" if searched is None else f" ({_gap_text(searched)} within the links searched)"
    return f"{kind}({name!r}: {result}; {status}, gap {_gap_text(over_all)}{within})"


def html_table(name: str, status: str, gaps: Gaps, totals: Totals, currency: str, price_year: int) -> str:
    """Return the headline figures as an HTML table."""
    over_all, searched = gaps
    rows = [("Status", status, ""), ("Optimality gap (all candidate links)", _gap_text(over_all), "")]
    if searched is not None:
        rows.append(("Optimality gap (links searched)", _gap_text(searched), ""))
    for key in _SHOWN:
        value = totals.get(key)
        if value is not None:
            unit = "" if key.endswith("_share") else unit_text(key, currency, price_year)
            shown = share_text(value) if key.endswith("_share") else rounded_text(value)
            rows.append((_LABELS.get(key) or label_of(key), shown, unit))
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(label)}</th>'
        f'<td style="text-align:right">{escape(shown)}</td><td style="text-align:left">{escape(unit)}</td></tr>'
        for label, shown, unit in rows
    )
    return f'<table><caption style="text-align:left"><b>{escape(name)}</b></caption><tbody>{body}</tbody></table>'


def megatonnes(ktpa: float | int | None) -> str:
    """Return an amount of kt in Mt."""
    return f"{(ktpa or 0) / 1000:,.2f} Mt"


def period_text(year: float, n_years: int) -> str:
    """Return the years of a period."""
    return f"{year:.0f}" if n_years == 1 else f"{year:.0f}–{year + n_years - 1:.0f}"


def share_text(share: float | int | None) -> str:
    """Return a share as a percentage."""
    return f"{share or 0:.2%}"

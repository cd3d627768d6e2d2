"""What more budget adds to a plan, in words, from plan.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccs_model.report.phrases import (
    LEAST_SHOWN_KT,
    binding_limits,
    granted_mn,
    replan_changes_in_words,
    unspent_budget_in_words,
)
from ccs_model.units import money_text, rounded_text

# Tonnes that count as none.
_TRACE_KT = 1e-6


def marginal_abatement_in_words(document: Mapping[str, Any]) -> list[str]:
    """Return the marginal abatement of the budget, re-plans, binding limits and the shadow price, one sentence each."""
    money = money_text(str(document["currency"]), document["price_year"])
    bought, is_integer = document["marginal_budget"], document["decisions"] == "integer"
    # The step of a continuous plan may be small, but all of it adds abatement.
    least, least_kt = ("at least ", LEAST_SHOWN_KT) if is_integer else ("", _TRACE_KT)
    sentences = []
    if bought is not None and bought["added_mn"]:
        sentences.append(_kept_retrofits_in_words(document, money, least_kt))
        for each in bought["replans"]:
            plants = (each.get(name, ()) for name in ("entering", "leaving", "changing"))
            how = replan_changes_in_words(each["abatement_kt"], *plants)
            more = f"{least}{each['abatement_kt']:,.0f} kt more ({how})"
            if each["abatement_kt"] < LEAST_SHOWN_KT:
                more = "no further abatement found" if is_integer else "no further abatement"
            sentences.append(f"Re-planned with {rounded_text(each['added_mn'])} million {money} more: {more}.")
    if bound := binding_limits([each["text"] for each in document["binding_limits"]]):
        sentences.append(bound)
    price = document["relaxation"]["abatement_per_budget_kt_per_mn"]
    if price is not None and is_integer:
        rate = _tonnes_per_million(price)
        sentences.append(f"Shadow price of the budget (LP relaxation): {rate} kt per million {money}.")
    return sentences


def _kept_retrofits_in_words(document: Mapping[str, Any], money: str, least_kt: float) -> str:
    """What more money adds to the existing retrofits; no rate below `least_kt`."""
    bought, totals = document["marginal_budget"], document["totals"]
    more = f"{rounded_text(bought['added_mn'])} million {money} more give"
    kt = float(bought["abatement_kt"])
    if kt < least_kt:
        return f"Marginal abatement: {more} no further abatement (existing retrofits kept)."
    names = ", ".join(bought["names_entering"][:3]) or "no further plant"
    is_static = bool((document.get("context") or {}).get("is_static"))
    over = "a year" if is_static else "over the horizon"
    spent = " spent" if bought.get("spent_mn") else ""
    gained = f"{kt:,.0f}" if kt >= LEAST_SHOWN_KT else _tonnes_per_million(kt)
    text = (
        f"Marginal abatement: {_tonnes_per_million(bought['abatement_kt_per_mn'])} kt per additional million "
        f"{money}{spent} {over} (existing retrofits kept; {more} {gained} kt: {names})."
    )
    if is_static or not bought["names_entering"]:
        return text
    paid_mn = (totals["capex_mn"] or 0.0) - granted_mn(document["funds"])
    return text + unspent_budget_in_words(totals["budget_mn"], paid_mn, money)


def _tonnes_per_million(kt: float) -> str:
    """Tonnes per million of money; where a unit of the currency is worth little, with three digits."""
    return f"{kt:.3g}" if _TRACE_KT <= abs(kt) < 1 else f"{kt:,.1f}"

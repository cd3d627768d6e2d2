"""The summary of a plan on one screen, from plan.json: retrofits, periods, zones, targets and money.

The terminal, a stored run and `plan.summary()` share it. It needs no table, so that a stored run is shown at once.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ccs_model.errors import CONFLICTS, NO_CONFLICT
from ccs_model.plan.headline import (
    ALL_AT_ONE_SITE,
    additions_text,
    headline,
    megatonnes,
    period_text,
    share_text,
    uncalibrated_text,
)
from ccs_model.report.marginal_abatement import marginal_abatement_in_words
from ccs_model.report.phrases import (
    Gap,
    all_plants,
    capitalise,
    ended_retrofits_in_words,
    estimates_in_words,
    gap_text,
    granted_mn,
    left_out_plants_in_words,
    load_in_words,
    oil_in_words,
    reasons_in_words,
    resources_in_words,
    society,
    storage_range,
    years_of_work,
)
from ccs_model.report.text_tables import align_columns, amount_text, truncate, width_of
from ccs_model.units import count_text, money_text, rounded_text, unit_text

N_SHOWN = 12
MIN_NAME_WIDTH, MAX_NAME_WIDTH = 18, 44
# Columns of the retrofits that a narrow terminal leaves out, the first one first: capture cost, stream and site.
_LESS_NEEDED = (8, 1, 3)
# Mark of a site that takes less than all CO₂ of a retrofit.
_AND_OTHERS = "+"
PART_SIGN = {"quarter": "¼", "half": "½"}

Document = Mapping[str, Any]
Emphasis = Callable[[str], str]
_BLANK_BEFORE_PERCENT = re.compile(r"(?<=\d) %")
# Sums in another order differ by less than this share.
_ROUNDING = 1e-9


def summary_text(document: Document, width: int, emphasise: Emphasis = str, *, has_workbook: bool = True) -> str:
    """Return the summary of plan.json.

    Parameters
    ----------
    document
        plan.json, also that of an infeasible problem.
    width
        Columns of the terminal.
    emphasise
        Applied to the title and to the headings of tables.
    has_workbook
        Whether the folder of the run has plan.xlsx, to which the summary refers; else it refers to a table.
    """
    if document["status"] == "infeasible":
        return _Summary(document, width, emphasise).infeasible_text()
    return _Summary(document, width, emphasise, has_workbook=has_workbook).text()


def headline_of(document: Document) -> str:
    """Return the result of plan.json in a few words."""
    if document["status"] == "infeasible":
        return f"infeasible: {count_text(len(document['conflicts']), 'conflicting constraint')}"
    return headline(document["totals"], money_text(document["currency"], document["price_year"]))


def gap_of_document(document: Document) -> Gap:
    """Return the optimality gap of plan.json."""
    objective, context = document["objective"], document["context"]
    share, searched, bound, searched_bound = (
        math.inf if objective[name] is None else float(objective[name])
        for name in ("gap_share", "searched_gap_share", "bound", "searched_bound")
    )
    links = (context["n_searched_links"] or 0, context["n_candidate_links"] or 0)
    return Gap(searched, share, searched_bound, bound, *links)


# Name of an existing pipeline in the sizes of a link, such as `existing, small`.
_EXISTING = "existing"


class _Summary:
    def __init__(self, document: Document, width: int, emphasise: Emphasis, *, has_workbook: bool = True) -> None:
        self.document, self.width, self.emphasise = document, width, emphasise
        self._rows = "plan.xlsx, sheet Retrofits" if has_workbook else "tables/retrofits.csv"
        self.totals: Mapping[str, Any] = document["totals"]
        self.context: Mapping[str, Any] = document.get("context") or {}
        self._cost_mn = math.fsum(document.get("costs", {}).values())
        budget_mn = self.totals.get("budget_mn")
        self._of_budget = "" if budget_mn is None else f" of the budget of {rounded_text(budget_mn)} million"
        self.currency = str(document["currency"])
        self.money = money_text(self.currency, document["price_year"])
        self.is_static = bool(self.context.get("is_static"))
        # Only calibrated plans are compared with the pilot zones.
        self._region = "region" if document.get("calibration") is None else "zone"

    def text(self) -> str:
        calibration = self.document["calibration"]
        statements = [uncalibrated_text(self.context)]
        if calibration is not None:
            statements = [calibration["statement"], *calibration["reported_reduction"]]
        parts = [
            self._headline(),
            self._retrofits(),
            self._periods(),
            self._zones(),
            "\n".join(map(self._wrap_sentence, statements)),
            self._targets(),
            self._fixed_decisions(),
            "\n".join(map(self._wrap_sentence, reasons_in_words(self.document["not_eligible"]))),
            "\n".join(map(self._wrap_sentence, left_out_plants_in_words(self.document.get("left_out", [])))),
            self._marginal_abatement_text(),
        ]
        return "\n\n".join(part for part in parts if part)

    def infeasible_text(self) -> str:
        conflicts = self.document["conflicts"]
        lines = [self.emphasise(self.document["scenario"])]
        lines += [f"Infeasible: {CONFLICTS if conflicts else f'{NO_CONFLICT}.'}"]
        lines += [textwrap.fill(f"- {each}", self.width, subsequent_indent="  ") for each in conflicts]
        return "\n".join(lines)

    def _wrap_sentence(self, sentence: str) -> str:
        """Return a sentence in lines, with percentages as in the tables."""
        return textwrap.fill(_BLANK_BEFORE_PERCENT.sub("%", sentence), self.width)

    def _table(self, rows: Sequence[Sequence[str]], left: int, n_headings: int = 1) -> str:
        lines = align_columns(rows, left).splitlines()
        return "\n".join([*map(self.emphasise, lines[:n_headings]), *lines[n_headings:]])

    def _million_text(self, amount: float | int | None) -> str:
        return f"{rounded_text(amount)} million {self.money}"

    def _headline(self) -> str:
        document, totals = self.document, self.totals
        lines = [self.emphasise(document["scenario"])]
        if description := " ".join(self.context["description"].split()):
            lines.append(self._wrap_sentence(description))
        if not totals["n_retrofits"]:
            lines.append(
                "\n" + self._wrap_sentence(f"Nothing is built because {self.context['nothing_built_because']}.")
            )
            if document["corridors"] is not None and document["objective"]["bound"] != document["objective"]["value"]:
                lines.append(self._wrap_sentence(f"{self._gap()}."))
            return "\n".join(lines)
        built = (
            f"{count_text(totals['n_retrofits'], 'retrofit')} at {count_text(totals['n_plants_retrofitted'], 'plant')}"
        )
        costs = (totals[f"{name}_cost_per_t"] for name in ("capture", "avoidance"))
        per_t = [amount_text(each, ",.0f") for each in costs]
        last = self.context["periods"][-1]
        when = f"In {period_text(last['year'], last['n_years'])}"
        when = "In a representative year" if self.is_static else when
        is_one = totals["n_retrofits"] == 1
        who, avoid = ("the retrofit captures", "avoids") if is_one else ("the retrofits capture", "avoid")
        base = self.currency, int(document["price_year"])
        unit = unit_text("_per_t", *base)
        sentences = [
            f"{built} for {self._capital_cost()}",
            f"{self._gap()}.",
            "" if document["corridors"] is None else self._network(),
            additions_text(document["added_components"]) if document.get("added_components") else "",
            f"Committed by the scenario: {count_text(len(document['committed']), 'retrofit')} (plants.committed)."
            if document.get("committed")
            else "",
            f"{when} {who} {megatonnes(totals['captured_ktpa'])} and {avoid} {megatonnes(totals['avoided_ktpa'])} "
            f"CO2 a year: {share_text(totals['abatement_share'])} of the {megatonnes(totals['baseline_ktpa'])} of "
            f"{all_plants(totals['n_plants'])}{self._sectors()}; on-site abatement "
            f"{share_text(totals['on_site_abatement_share'])}.",
            f"Capture cost {per_t[0]} {unit} captured, without transport and storage; avoidance cost "
            f"{per_t[1]} {unit} avoided, with them.",
            ended_retrofits_in_words(document["retrofits"], totals, unit),
            load_in_words(document["retrofits"], unit),
            *estimates_in_words(self.context.get("capture_estimates") or ()),
            storage_range(totals["storage_cost_per_t"], self.context["storage_cost_range"], unit),
            *resources_in_words(document["storage"]),
            oil_in_words(document["storage"], self.money, is_static=self.context["is_static"]),
        ]
        if document["owners"]:
            sentences += [self._npv(), " ".join(society(totals, *base, document["social_account"]))]
        return "\n".join([*lines, "", *map(self._wrap_sentence, filter(None, sentences))])

    def _sectors(self) -> str:
        """Return the sectors of the baseline in brackets; empty for a run that does not name them."""
        sectors = self.context.get("sectors") or ()
        return f" ({', '.join(each.replace('_', ' ') for each in sectors)})" if sectors else ""

    def _npv(self) -> str:
        """Return the owners' net present value after tax, with and without other profits."""
        totals = self.totals
        paid, left = (-self.document["costs"].get(name, 0.0) for name in ("paid_mn", "salvage_mn"))
        income = [
            f"{what} of {amount:,.0f}"
            for what, amount in (
                ("carbon revenue", totals.get("carbon_revenue_mn") or 0.0), ("payments per tonne", paid),
            )
            if amount > 0
        ]  # fmt: skip
        priced = "" if self.context["has_carbon_revenue"] else ", without carbon revenue"
        priced += f", with {' and '.join(income)} million" if income else ""
        worth, without = "", totals.get("npv_without_salvage_mn")
        if left > 0:
            worth = f" It counts {left:,.0f} million, before tax, for assets that outlive the horizon"
            worth += "." if without is None else f"; without them it is {without:,.0f} million."
        funded = math.fsum(row["spend_mn"] for row in self.document["funds"])
        granted = granted_mn(self.document["funds"])
        repaid = f"; the owners repay {funded - granted:,.0f}" if funded - granted > 0 else ""
        funds = f" Funds pay {funded:,.0f} million of the capital{repaid}." if funded > 0 else ""
        funds += self._debt_service()
        alone = totals["standalone_npv_mn"] or 0.0
        standalone = (
            "" if math.isclose(alone, totals["npv_mn"] or 0.0) else f" ({alone:,.0f} without other profits to tax)"
        )
        return (
            f"Owners' NPV after tax{priced}: {self._million_text(totals['npv_mn'])}{standalone} at a discount rate of "
            f"{100 * self.context['discount_rate']:g}%.{worth}{funds}"
        )

    def _debt_service(self) -> str:
        """Return the lowest debt service cover of a plant; empty without debt."""
        owners = [row for row in self.document["owners"] if row["plant"] != "all"]
        with_debt = [row for row in owners if row.get("debt_service_cover") is not None]
        if not with_debt:
            return ""
        lowest = min(with_debt, key=lambda row: float(row["debt_service_cover"]))
        names = {row["plant"]: row["name"] for row in self.document["retrofits"]}
        n_below = sum(round(row["debt_service_cover"], 2) < 1 for row in with_debt)
        below = (
            f"; {n_below} of {len(with_debt)} plants with debt are below 1" if n_below and len(with_debt) > 1 else ""
        )
        return (
            f" The lowest debt service cover of a year is {lowest['debt_service_cover']:.2f} "
            f"({names.get(lowest['plant'], lowest['plant'])}){below}."
        )

    def _capital_cost(self) -> str:
        """Return the capital cost, and that of capture, pipes and storage."""
        totals = self.totals
        spent = self._million_text(totals["capex_mn"])
        granted = granted_mn(self.document["funds"])
        budget = self.totals["budget_mn"]
        if granted > 0:
            spent += f", of which grants pay {rounded_text(granted)}"
            paid = rounded_text(float(totals["capex_mn"]) - granted)
            spent += "" if budget is None else f" and the budget of {rounded_text(budget)} million pays {paid}"
        elif not self.is_static:
            spent += self._of_budget
        parts = (("capture", "capture_capex_mn"), ("pipes", "pipe_capex_mn"), ("storage", "storage_capex_mn"))
        return f"{spent}: {', '.join(f'{what} {rounded_text(float(totals[name] or 0.0))}' for what, name in parts)}."

    def _gap(self) -> str:
        """Return the optimality gap; for a shared network the gap over all candidate links comes first."""
        text = gap_text(gap_of_document(self.document), self.document["objective"]["unit"])
        stopped = "Stopped by a limit. " if self.document["status"] == "limit" else ""
        return f"{stopped}{capitalise(text)}"

    def _network(self) -> str:
        """Return one sentence on pipelines, truck routes and wells."""
        last = self.context["periods"][-1]["year"]
        roads_used = {row["link"] for row in self.document["links"] if row["kind"] == "truck" and row["flow_ktpa"] > 0}
        n_roads = len(roads_used)
        sites = [row for row in self.document["storage"] if row["year"] == last]
        n_wells = round(sum(row["n_wells"] or 0 for row in sites))
        roads = f" and {count_text(n_roads, 'truck route')}" if n_roads else ""
        lines = self._pipelines()
        transport = f"{lines}{roads}" if lines else roads.removeprefix(" and ") or "no pipeline"
        return f"{transport}, {count_text(len(sites), 'storage site')} with {count_text(n_wells, 'well')}."

    def _pipelines(self) -> str:
        """Return the number and length of new pipelines, of their links, and of existing ones that any period uses."""
        rows = [row for row in self.document["links"] if row["kind"] == "pipe"]
        length = {row["link"]: row["length_km"] for row in rows}
        old = {row["link"] for row in rows if _EXISTING in row["pipe"].split(", ") and row["peak_flow_ktpa"] > 0}
        new = {row["link"] for row in rows if row["built_mn"] > 0 or _EXISTING not in row["pipe"].split(", ")}
        # A link gets at most one pipeline in a period.
        built = Counter(row["link"] for row in rows if row["built_mn"] > 0)
        n_pipes = {link: max(built[link], 1) for link in sorted(new)}
        n_new, n_km = sum(n_pipes.values()), math.fsum(n * length[link] for link, n in n_pipes.items())
        on_links = f" on {count_text(len(new), 'link')}" if n_new > len(new) else ""
        if not old:
            return f"{count_text(n_new, 'pipeline')} of {n_km:,.0f} km{on_links or ' in total'}" if new else ""
        used = (
            f"{count_text(len(old), 'existing pipeline')} of {sum(length[link] for link in sorted(old)):,.0f} km in use"
        )
        return f"{count_text(n_new, 'new pipeline')} of {n_km:,.0f} km{on_links}, {used}" if new else used

    def _targets(self) -> str:
        if not self.document["targets"]:
            return ""
        table = [("target", "required", "reached", "unit", "marginal cost")]
        table += [
            (
                row["target"],
                f"{row['required_kt']:,.0f}",
                f"{row['reached_kt']:,.0f}"
                + (f" ({row['shortfall_kt']:,.0f} short)" if row["shortfall_kt"] > 1e-6 else ""),
                "kt" if row["year"] is None else "kt/y",
                ""
                if row["price_per_t"] is None
                else f"{row['price_per_t']:,.0f} {self.money}/t {row['measure']}"
                + (", discounted" if row["year"] is None else ""),
            )
            for row in self.document["targets"]
        ]
        is_priced = any(row["price_per_t"] is not None for row in self.document["targets"])
        what = "Cost of a year" if self.is_static else "Discounted cost over the horizon"
        costs = self.document["costs"]
        earned = (("paid_mn", "payments per tonne"), ("oil_revenue_mn", "oil revenue"))
        net = [f"{text} of {-costs[name]:,.0f} million" for name, text in earned if costs.get(name, 0.0) < 0]
        note = f"{what} {self._million_text(self._cost_mn)}"
        note += f", net of {' and '.join(net)}" if net else ""
        if missing := self.document["costs"].get("shortfall_mn", 0.0):
            note += f", of which {self._million_text(missing)} for missing tonnes"
        note += "; marginal costs are those of the LP relaxation." if is_priced else "."
        has_pumps = any((row.get("pipe_power_mn_pa") or 0.0) > 0 for row in self.document["retrofits"])
        if has_pumps and any(row["group"] != "all" for row in self.document["targets"]):
            note += " Targets of provinces and sectors leave out the power of pumps along shared pipelines."
        shown = table if is_priced else [row[:4] for row in table]
        return self._table(shown, 1, 1) + "\n" + self._wrap_sentence(note)

    def _fixed_decisions(self) -> str:
        """Return the cost of each required or excluded plant in the LP relaxation; that of the plan may differ."""
        lines = []
        for row in self.document["fixed_decisions"]:
            what = "Requiring" if row["decision"] == "require" else "Excluding"
            price = self._million_text(row["cost_added_mn"])
            if row["abatement_lost_kt"] is not None:
                price = f"{row['abatement_lost_kt']:,.0f} kt CO2 {'a year' if self.is_static else 'over the horizon'}"
            lines.append(
                self._wrap_sentence(f"{what} {row['name'] or row['plant']} costs {price} in the LP relaxation.")
            )
        return "\n".join(lines)

    def _retrofits(self) -> str:
        retrofits = self.document["retrofits"]
        if not retrofits:
            return ""
        per_t = f"{self.currency}/t"
        header = ("plant", "stream", "technology", "start", "site", "captured", "avoided", "capex", per_t, per_t)
        units = ("", "", "", "", "", "kt/y", "kt/y", f"mn {self.currency}", "captured", "avoided")
        rows = [
            (
                "",
                row["stream"].replace("_", " "),
                f"{row['technology'].replace('_', ' ')} {PART_SIGN.get(row['size'], '')}".strip(),
                years_of_work(row),
                self._site(row),
                f"{row['captured_ktpa']:,.0f}",
                f"{row['avoided_ktpa']:,.0f}",
                f"{row['capex_mn']:,.0f}",
                # A measure without capture has no capture cost.
                amount_text(row["capture_cost_per_t"], ",.0f") if row["captured_at_full_load_ktpa"] > 0 else "–",
                amount_text(row["avoidance_cost_per_t"], ",.0f"),
            )
            for row in retrofits[:N_SHOWN]
        ]
        table: list[tuple[str, ...]] = [header, units, *rows]
        # The name takes the width that the other columns leave; a narrow terminal shows fewer of them.
        for column in _LESS_NEEDED:
            if self._name_width(table) < MIN_NAME_WIDTH:
                table = [(*row[:column], *row[column + 1 :]) for row in table]
        width = max(min(self._name_width(table), MAX_NAME_WIDTH), MIN_NAME_WIDTH)
        if self.is_static:  # a representative year has no start
            start = table[0].index("start")
            table = [(*row[:start], *row[start + 1 :]) for row in table]
        for k, row in enumerate(retrofits[:N_SHOWN], start=2):
            table[k] = (truncate(str(row["name"]), width), *table[k][1:])
        more = len(retrofits) - N_SHOWN
        note = f"\n… and {more} more in {self._rows}" if more > 0 else ""
        if any(self._site(row).endswith(_AND_OTHERS) for row in retrofits[:N_SHOWN]):
            note += f"\n{_AND_OTHERS} and further sites: {self._rows.removeprefix('plan.xlsx, ')} has the share stored "
            note += "at the site"
        return self._table(table, table[0].index("captured"), 2) + note

    @staticmethod
    def _site(row: Mapping[str, Any]) -> str:
        """Return the site, with a mark where it does not take all CO₂ of the retrofit."""
        share = row.get("site_share")
        others = _AND_OTHERS if share is not None and share < ALL_AT_ONE_SITE else ""
        return f"{row['site']}{others}".replace("_", " ")

    def _name_width(self, rows: Sequence[Sequence[str]]) -> int:
        """Return the columns that are left for the names, which are empty in `rows` but for the heading."""
        lines = align_columns(rows, rows[0].index("captured")).splitlines()
        return self.width - (max(map(width_of, lines)) - len(rows[0][0]))

    def _periods(self) -> str:
        if self.is_static:
            net = ", net of revenue and payments," if min(self.document["costs"].values(), default=0.0) < 0 else ""
            cost = f"Annual cost{net} {self._million_text(self._cost_mn)}{self._of_budget}, with annualised capital."
            interest = " Costs per tonne also count interest during construction." if self._has_interest() else ""
            return self._wrap_sentence(f"{cost}{interest}")
        spent = f"spent, mn {self.currency}"
        header = ("period", "started", spent, "captured, kt/y", "avoided, kt/y", "abatement")
        rows = [
            (
                period_text(row["year"], period["n_years"]),
                f"{row['n_started']:.0f}",
                f"{row['spending_mn']:,.0f}",
                f"{row['captured_ktpa']:,.0f}",
                f"{row['avoided_ktpa']:,.0f}",
                share_text(row["abatement_share"]),
            )
            for row, period in zip(self.document["by_year"], self.context["periods"], strict=True)
        ]
        return self._table([header, *rows], 1)

    def _has_interest(self) -> bool:
        """Whether the costs of a year's retrofits are more than its cost terms, by interest during construction."""
        costs = self.document["costs"]
        other = sum(costs.get(name, 0.0) for name in ("shortfall_mn", "oil_revenue_mn", "paid_mn"))
        cost_mn = float(self.totals.get("cost_mn_pa") or 0.0)
        return cost_mn - (self._cost_mn - other) > _ROUNDING * max(cost_mn, 1.0)

    def _zones(self) -> str:
        header = (self._region, "baseline, kt/y", "avoided, kt/y", "abatement", "on-site", "as designed", "reported")
        rows = [
            (
                str(row["zone"]),
                f"{row['baseline_ktpa']:,.0f}",
                f"{row['avoided_ktpa']:,.0f}",
                share_text(row["abatement_share"]),
                share_text(row["on_site_abatement_share"]),
                share_text(row["uncalibrated_abatement_share"]),
                "" if row["reported_abatement_share"] is None else share_text(row["reported_abatement_share"]),
            )
            for row in self.document["zones"]
        ]
        kept = len(header) if self.document["calibration"] is not None else len(header) - 2
        table = self._table([each[:kept] for each in (header, *rows)], 1)
        spent = [
            f"{row['zone']} {row['spending_mn']:,.0f} of {row['budget_mn']:,.0f}"
            for row in self.document["zones"]
            if row.get("budget_mn") is not None
        ]
        if not spent:
            return table
        yearly = " a year" if self.is_static else ""
        text = f"Spending by province budget, million {self.money}{yearly}: {'; '.join(spent)}."
        return f"{table}\n\n{self._wrap_sentence(text)}"

    def _marginal_abatement_text(self) -> str:
        return "\n".join(map(self._wrap_sentence, marginal_abatement_in_words(self.document)))

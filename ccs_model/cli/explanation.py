"""`ccs-model explain RUN PLANT`: one plant from its streams to its costs, and why it is selected or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.command_options import json_option, run_argument, time_limit_option
from ccs_model.cli.terminal import columns, print_json
from ccs_model.errors import DONE
from ccs_model.report.text_tables import align_columns, truncate, width_of, wrap, wrap_rows
from ccs_model.units import count_text

if TYPE_CHECKING:
    from ccs_model.analysis.cost_chain import Chain, Line, Value
    from ccs_model.analysis.explain import Explanation
    from ccs_model.plan.citations import Citation

SHOWN_COLUMNS = 3
# Columns of a terminal for the sources of a line, at least.
LEAST_SOURCES = 9
WIDEST, WIDEST_TABLE = 100, 160
_GRADES = {"product_grade": "pure", "flue_gas": "flue gas", "tail_gas": "tail gas", "none": "not capturable"}
_START = "starts in"
# Lines of the cost table: label, unit, format of a cell, and the lines of the cost chain with their digits.
_SCREEN: tuple[tuple[str, str, str, tuple[tuple[str, int], ...]], ...] = (
    ("technology", "", "{}", (("technology", 0),)),
    ("heat from", "", "{}", (("heat_source", 0),)),
    (_START, "", "{}", (("year", 0),)),
    ("works until", "", "{}", (("end_year", 0),)),
    ("figures at", "", "{}", (("basis", 0),)),
    ("stream × size × rate", "kt/y", "{} × {} × {}", (("co2_ktpa", 0), ("stream_share", 2), ("capture_rate_share", 2))),
    ("nameplate × φ × load", "kt/y", "{} × {} × {} = {}",
     (("nameplate_ktpa", 0), ("delivered_share", 2), ("load_share", 2), ("captured_ktpa", 0))),
    ("capex × dilute × small", "{} per t/y", "{} × {} × {}",
     (("reference_capex_per_tpa", 0), ("concentration_factor", 2), ("small_train_factor", 2))),
    ("TOC (of BEC, TPC)", "mn {}", "{} ({}, {})", (("capture_capex_mn", 0), ("bec_mn", 0), ("tpc_mn", 0))),
    ("estimate", "", "{}", (("aace_class", 0),)),
    ("capital, annual", "{}/t", "× {} = {}", (("capital_charge_share", 3), ("capital_per_t", 1))),
    ("fixed O&M", "{}/t", "{}", (("fixed_om_per_t", 1),)),
    ("consumables", "{}/t", "{}", (("variable_om_per_t", 1),)),
    ("heat, GJ × price", "{}/t", "{} × {} = {}", (("heat_gj_per_t", 2), ("heat_per_gj", 1), ("heat_per_t", 1))),
    ("power, kWh × price", "{}/t", "{} × {} = {}",
     (("power_kwh_per_t", 0), ("power_per_kwh", 3), ("power_per_t", 1))),
    ("CAPTURE COST", "{}/t captured", "{}", (("capture_cost_per_t", 0),)),
    ("1 − fuel − power", "t avoided/t", "1 − {} − {} = {}",
     (("fuel_co2_t_per_t", 3), ("power_co2_t_per_t", 3), ("avoided_t_per_t", 3))),
    ("site, way in km", "", "{}, {}", (("site", 0), ("length_km", 0))),
    ("capex, pipes + site", "mn {}", "{} + {}", (("pipe_capex_mn", 0), ("storage_capex_mn", 0))),
    ("transport + storage", "{}/t captured", "{} + {}", (("transport_per_t", 1), ("storage_per_t", 1))),
    ("COST OF AVOIDANCE", "{}/t avoided", "{}", (("avoidance_cost_per_t", 0),)),
    ("marginal cost of target", "{}/t avoided", "{}", (("marginal_cost_per_t", 0),)),
    ("marginal cost of target", "{}/t captured", "{}", (("marginal_cost_of_capture_per_t", 0),)),
    ("added cost of product", "{}/t product", "{}", (("product_cost_per_t", 1),)),
    ("on its cost without capture", "{}/t product", "{}", (("base_cost_per_t", 0),)),
)  # fmt: skip


def explanation_text(answer: Explanation) -> str:
    """Return the explanation as text: plant, streams, costs of up to three retrofits, reasons, references."""
    chain = answer.chain
    legend = _Legend(chain.titles)
    numbers = [_plant(answer, legend), _streams(chain, legend), _chain(answer, legend)]
    parts = [*numbers, _owners(answer), _reason_text(answer), _bases(answer), legend.text()]
    return "\n".join(part for part in parts if part)


class _Legend:
    """Numbers the references in the order of the text."""

    def __init__(self, titles: Mapping[str, str], at: Mapping[str, int] | None = None) -> None:
        self._titles = titles
        self._at: dict[str, int] = dict(at or {})

    def mark(self, cited: Iterable[Citation]) -> str:
        """Return `1r 4a`: number and quality of each reference, once."""
        marks = [f"{self._at.setdefault(each.reference, len(self._at) + 1)}{each.quality[:1]}" for each in cited]
        return " ".join(dict.fromkeys(marks))

    def copy(self) -> _Legend:
        """Return a legend that numbers on from here by itself."""
        return _Legend(self._titles, self._at)

    def text(self) -> str:
        """Return the list of references."""
        entries = "; ".join(f"{n} {key}: {truncate(self._titles[key], 44)}" for key, n in self._at.items())
        return _wrap_text(f"References (r reported, e estimated, a assumed, m measured): {entries}")


def _plant(answer: Explanation, legend: _Legend) -> str:
    about = {line.name: line.values[0] for line in answer.chain.about}
    cited = {line.name: legend.mark(line.cited[0]) for line in answer.chain.about}
    head = f"{about['name']} {about['name_zh'] or ''}".strip()
    what = f"{about['product'] or about['sector']}".replace("_", " ")
    place = f"{about['province']}, {_degrees(about['lat_deg'], 'NS')} {_degrees(about['lon_deg'], 'EW')}"
    first = f"{head} ({answer.chain.plant}) · {about['sector']} · {place} · {about['status']} [{cited['name']}]"
    made = ""
    if about["output_ktpa"] is not None:
        unit = "GWh/y" if about["product_unit"] == "MWh" else "kt/y"
        made = (
            f"{what} {_number(about['capacity_ktpa'], 0)} {unit} [{cited['capacity_ktpa']}] × "
            f"{_number(about['utilisation_share'], 3)} [{cited['utilisation_share']}] = "
            f"{_number(about['output_ktpa'], 0)} {unit}; "
        )
    emits = f"emits {_number(about['baseline_ktpa'], 0)} kt CO2/y, {_number(about['capturable_ktpa'], 0)} capturable"
    return f"{_wrap_text(first)}\n{_wrap_text(made + emits)}"


def _streams(chain: Chain, legend: _Legend) -> str:
    rows: list[Sequence[str]] = [("stream", "kt/y", "CO2, %", "lasting", "grade", "source")]
    for line in chain.streams:
        tonnes, share, grade, lasting = line.values
        percent = f"{100 * share:.1f}" if isinstance(share, float) else "–"
        name = _GRADES.get(str(grade), str(grade))
        kept = f"{lasting:.0%}" if isinstance(lasting, float) else ""
        label = line.label.replace("_", " ")
        rows.append((label, _number(tonnes, 0), percent, kept, name, legend.mark(line.cited[0])))
    return _table(rows, {0, 4, 5})


def _chain(answer: Explanation, legend: _Legend) -> str:
    chain = answer.chain
    if not chain.lines:
        return ""
    # As many retrofits as leave room for the column of sources.
    n = min(len(chain.columns), SHOWN_COLUMNS)
    while n > 1 and _width(_costs(answer, legend.copy(), n)) > min(columns(), WIDEST_TABLE):
        n -= 1
    rows = _costs(answer, legend, n)
    text = _table(rows, {0, 1, len(rows[0]) - 1})
    more = len(chain.columns) - n
    priced = [line for line in chain.lines if line.section == "power price"]
    power = " + ".join(f"{line.label} {line.values[0]:.3f}" for line in priced)
    where = "in --json" if n == SHOWN_COLUMNS else "on a wider terminal or in --json"
    what = count_text(more, f"more {'retrofit' if chain.is_retrofitted else 'option'}")
    others = f"… and {what} {where}" if more > 0 else ""
    return "\n".join(
        each
        for each in (text, others, _wrap_text(f"Power: {power} {answer.problem.money}/kWh") if power else "")
        if each
    )


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Columns that a table needs on a terminal, with the first sources of each line."""
    rows = [[*row[:-1], truncate(row[-1], LEAST_SOURCES)] for row in rows]
    return max(map(width_of, align_columns(rows, len(rows[0])).splitlines()))


def _costs(answer: Explanation, legend: _Legend, n: int) -> list[Sequence[str]]:
    """The cost table of the first `n` retrofits."""
    chain = answer.chain
    of = {line.name: line for line in chain.lines}
    rows: list[Sequence[str]] = [("", "", *(title.replace("_", " ") for title in chain.columns[:n]), "source")]
    currency = answer.problem.money
    is_power = any(line.values[0] == "MWh" for line in chain.about if line.name == "product_unit")
    of_product = "MWh" if is_power else "t product"
    for label, unit, form, parts in _SCREEN:
        lines = [(of[name], digits) for name, digits in parts if name in of]
        if label == _START and answer.problem.is_static:
            continue
        if len(lines) < len(parts) or all(_is_empty(each) for each in lines[-1][0].values[:n]):
            continue
        cells = [form.format(*(_cell(line, k, digits) for line, digits in lines)) for k in range(n)]
        cells = [
            "–" if _is_empty(lines[-1][0].values[k]) and _is_empty(lines[0][0].values[k]) else cell
            for k, cell in enumerate(cells)
        ]
        cited = (each for line, _ in lines for some in line.cited[:n] for each in some)
        rows.append((label, unit.replace("t product", of_product).format(currency), *cells, legend.mark(cited)))
    return rows


def _cell(line: Line, k: int, digits: int) -> str:
    value = line.values[k]
    if line.name == "aace_class" and isinstance(value, str) and "), " in value:
        return value.split(" (")[0] + ", " + value.split("), ")[-1]
    return value.replace("_", " ") if isinstance(value, str) else _number(value, digits)


def _owners(answer: Explanation) -> str:
    owners = answer.owners
    if owners is None:
        return ""

    def owner_figure(name: str, digits: int = 0, percent: bool = False) -> str:
        value = owners.get(name)
        if value is None:
            return "none"
        return f"{100 * value:.1f} %" if percent else _number(value, digits)

    money = answer.problem.money
    payback = "beyond the horizon" if owners.get("payback_yr") is None else f"{owner_figure('payback_yr', 1)} years"
    why = owners.get("no_project_irr")
    irr = owner_figure("project_irr_share", percent=True) + (f" ({why})" if why else "")
    return _wrap_text(
        f"Owners: NPV {owner_figure('npv_mn')} mn {money}, project IRR {irr}, payback {payback}, "
        f"break-even carbon price {owner_figure('break_even_carbon_price_per_t')} {money}/t."
    )


def _reason_text(answer: Explanation) -> str:
    message = [f"Why {answer.reason}.", *(each.message for each in answer.changes)]
    return "\n".join(wrap(each, min(columns(), WIDEST), "  ") for each in message)


def _bases(answer: Explanation) -> str:
    """What each cost per tonne of the explanation counts."""
    chain = answer.chain
    names = {line.name for line in chain.lines}
    if "avoidance_cost_per_t" not in names:
        return ""
    period = "the year" if answer.problem.is_static else "the last period"
    load = f"at the load of {period}" if chain.is_retrofitted else "at full load"
    basis = {value for line in chain.lines if line.name == "basis" for value in line.values}
    if "full load" in basis:
        load = "at full load of a retrofit that has ended before the last period"
        load += f", of the others at the load of {period}" if len(basis) > 1 else ""
    is_shared = chain.is_retrofitted and answer.problem.network is not None
    pipes = "its share of pipes and storage" if is_shared else "its own pipe and storage"
    texts = [
        "Costs: CAPTURE COST is levelised, before tax, for capture alone; COST OF AVOIDANCE adds "
        f"{pipes} and counts net tonnes {load}."
    ]
    if chain.is_retrofitted and len(chain.columns) > 1:
        texts.append(f"The cost under Why is the average of the plant's {len(chain.columns)} retrofits.")
    if names & {"marginal_cost_per_t", "marginal_cost_of_capture_per_t"}:
        texts.append(
            "The marginal cost of target is that of the next tonne in the whole plan (LP dual), not of this plant."
        )
    if answer.owners is not None:
        texts.append(
            "The break-even carbon price is constant, is paid on on-site abatement, and makes the owners' NPV over the "
            "horizon zero after tax."
        )
    return _wrap_text(" ".join(texts))


def _is_empty(value: Value) -> bool:
    return value is None or value == "–"


def _degrees(value: Value, sides: str) -> str:
    """Degrees on one side of the equator or of Greenwich: `6.89 W`."""
    degrees = value if isinstance(value, int | float) else math.nan
    return f"{abs(degrees):.2f} {sides[degrees < 0]}"


def _number(value: Value, digits: int) -> str:
    return "–" if value is None or isinstance(value, str) else f"{value:,.{digits}f}"


def _wrap_text(text: str) -> str:
    return wrap(text, min(columns(), WIDEST))


def _table(rows: Sequence[Sequence[str]], left: set[int]) -> str:
    return "\n".join(wrap_rows(rows, left, min(columns(), WIDEST_TABLE)))


@click.command(
    epilog="""\b
Examples:
  ccs-model explain runs/hebei-1a2b3c4d NH3_29
  ccs-model explain runs/hebei-1a2b3c4d NH3_29 --quick
  ccs-model explain runs/hebei-1a2b3c4d "Shougang Jingtang" --json

Exit codes: 0 done, 3 not a run, or no such plant in it, 4 an infeasible run, 8 file system error.
"""
)
@run_argument
@click.argument("plant")
@click.option("--quick", is_flag=True, help="Give costs and reason only; solve nothing.")
@time_limit_option("Seconds after which re-solving stops.", default=600.0)
@json_option
def explain(run: Path, plant: str, quick: bool, time_limit: float, as_json: bool) -> int:
    """Trace one plant's costs and the reason for its selection."""
    from ccs_model.analysis.explain import explain as explain_plant

    answer = explain_plant(run, plant, time_limit_s=0.0 if quick else time_limit)
    if as_json:
        print_json(answer.to_dict())
    else:
        click.echo(explanation_text(answer))
    return DONE

"""The scenario that goes with a SimCCS folder's tables: a static year, least cost, links as they are given."""

from __future__ import annotations

import json

from ccs_model.errors import Fault
from ccs_model.inputs.importers.simccs import SimccsFolder
from ccs_model.inputs.importers.simccs_tables import PRICE_YEAR, SimccsCase

_TEXT = """\
# A case of SimCCS: its sources, sinks, candidate network and pipe costs stand in data/.
#
# Run it:      ccs-model optimize scenario.yaml
# objective.value in plan.json is SimCCS's own objective, in million USD a year.
name: @NAME@
question: >
  What SimCCS asks of this folder: which sources, pipes and sinks cost least in a representative year?

currency: USD
price_year: @PRICE_YEAR@                     # SimCCS states none; the tables say the same, so that nothing is converted
years: static                        # one representative year, with capital as a yearly share
capital_recovery_share: @CRF@ # SimCCS's capital recovery factor: that share
storage_life_yr: @YEARS@ # SimCCS's years: a sink takes its capacity ÷ these in a year

plants:
  inventory: [sources]               # data/plants/sources.csv; no plants of ours
data: data

transport:
  candidate_links: given             # SimCCS's edges alone (data/transport/links.csv); none are made
  corridors: all                     # proven over every edge
  trucks: false                      # SimCCS knows pipes only

storage: {sites: [SimCCS]}           # the name that every sink has for its basin

@TARGET@
aim: least_cost

solver: {gap_share: 1.0e-8, time_limit_s: 600, threads: 1}
"""
_A_TARGET = "targets: {captured_ktpa: @KTPA@} # thousand tonnes a year that must be captured"
_A_PRICE = "# No target: what is captured is what pays for itself, from what sinks pay (eor_revenue_per_t)."
_COMMENT_AT = 37


def simccs_scenario(name: str, case: SimccsCase) -> str:
    """The text of scenario.yaml."""
    target = _A_PRICE
    if case.target_mt is not None:
        target = _A_TARGET.replace("@KTPA@", _number(case.target_mt * 1000.0))
    text = _TEXT.replace("@PRICE_YEAR@", str(PRICE_YEAR)).replace("@TARGET@", target)
    text = text.replace("@CRF@", _number(case.capital_recovery_share)).replace("@YEARS@", _number(case.storage_life_yr))
    # A comment that follows a value of any length starts where the others do.
    lines = [_aligned(line) if " # " in line and not line.startswith("#") else line for line in text.split("\n")]
    return "\n".join(lines).replace("@NAME@", json.dumps(name, ensure_ascii=False))


def target_faults(folder: SimccsFolder, case: SimccsCase, where: str) -> list[Fault]:
    """Why no plan can capture the target: sources give, or sinks take, less in a year."""
    if case.target_mt is None:
        return []
    given_mt = float(folder.sources["capturable_ktpa"].sum()) / 1000.0
    taken_mt = float(folder.sinks["capacity_kt"].sum()) / case.storage_life_yr / 1000.0
    faults = []
    if case.target_mt > given_mt * (1 + 1e-9):
        what = f"{case.target_mt:g} Mt a year is more than all {len(folder.sources)} sources give together"
        faults.append(Fault(where, what, f"{given_mt:.7g} Mt a year"))
    if case.target_mt > taken_mt * (1 + 1e-9):
        what = f"{case.target_mt:g} Mt a year is more than all {len(folder.sinks)} sinks take in"
        faults.append(Fault(where, what, f"{taken_mt:.7g} Mt a year over {case.storage_life_yr:g} years"))
    return faults


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _aligned(line: str) -> str:
    value, _, comment = line.partition(" # ")
    return f"{value.rstrip():<{_COMMENT_AT - 1}} # {comment}"

"""The scenario that `ccs-model new` writes: a question that runs as it is, with what one may change beside it."""

from __future__ import annotations

import json

_TEXT = """\
# yaml-language-server: $schema=./scenario.schema.json
#
# Run it:      ccs-model check scenario.yaml
#              ccs-model optimize scenario.yaml
# Every key, its default and its meaning: scenario.schema.json (editors show them while you type).
name: @NAME@
question: >
  With 1.5 billion CNY, which steel, ammonia and methanol plants of Shanxi should be fitted with carbon capture, when
  and with what?

currency: CNY
price_year: 2024                     # all money is in real prices of this year
years: [2026, 2030, 2035]            # start of each period; the last one lasts as long as the one before
discount_share: 0.08                 # real, a year; shares go from 0 to 1

plants:
  inventory: [steel, chemicals]      # the shipped plants of China
  # inventory: [plants.xlsx]         # only plants of your own: fill in plants.xlsx first
  # inventory: [steel, plants.xlsx]  # both
  provinces: [Shanxi]                # leave it out for all
  emitting_at_least_ktpa: 1_500      # smaller plants are left as they are
  # leave_out: [NH3_21]              # plants that may not be fitted, by id
  # must_fit: [NH3_82]               # plants that must be fitted, by id

# data: tables                       # a folder of your own prices, sites or technologies, laid over the shipped ones

capture:
  technologies: [amine, advanced_amine, compression, purification]
  retrofits: whole                   # or fractional: the linear program

storage: {sites: [Ordos, Qinshui], capacity: mid, fill_share_max: 0.5}

budget:
  total_mn: 1_500                    # million of the currency, over all years
  ceiling_mn: {2026: 900}            # up to the end of the period that starts in 2026

solver: {gap_share: 0.005, time_limit_s: 50}
"""


def starter(name: str) -> str:
    """The text of the file."""
    return _TEXT.replace("@NAME@", json.dumps(name, ensure_ascii=False))

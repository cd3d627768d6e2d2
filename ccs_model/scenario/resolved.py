"""YAML texts of scenarios: the resolved scenario with the origin of each value, and the one that `init` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType

from ccs_model.scenario.validation import is_old_truth, scalar

DEFAULT = "default"

_PLAIN = re.compile(r"[^\W\d_]([\w -]*\w)?")
_LARGEST_EXACT = 1e15  # integer-valued floats below this are written without a decimal point
_NO_COPIES: Mapping[str, str] = MappingProxyType({})


def resolved_yaml(
    values: Mapping[str, object], places: Mapping[str, str], copied_from: Mapping[str, str] = _NO_COPIES
) -> str:
    """YAML text of every value in the order of the schema, one per line, with its origin as a comment.

    Origins name files without their folder. `copied_from` holds, by dotted key, the original names of copied files.
    """
    origins = {key: _origin(place) for key, place in places.items()}
    for key, names in copied_from.items():
        origins[key] = f"{origins.get(key, DEFAULT)}, copied from {''.join(map(_sign, names))}"
    return "\n".join(("# Every value, with its origin.", *_lines(values, origins, "", ""))) + "\n"


def _lines(values: Mapping[str, object], origins: Mapping[str, str], parent: str, indent: str) -> Iterator[str]:
    for key, value in values.items():
        dotted = f"{parent}{key}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _lines(value, origins, f"{dotted}.", indent + "  ")
        else:
            yield f"{indent}{key}: {_written(value)}  # {origins.get(dotted, DEFAULT)}"


def _origin(place: str) -> str:
    """A place without its folder, so that the text does not depend on where the scenario lies."""
    return "".join(map(_sign, PurePath(place).name))


def _written(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Mapping) and value:
        return "{" + ", ".join(f"{_written(key)}: {_written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_EXACT else repr(value)
    return "{}" if value == {} else str(value)


def _text(text: str) -> str:
    """The text without quotes if every YAML program reads it as text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.isprintable() and not is_old_truth(text) and scalar(text) == text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_sign, escaped)) + '"'


def _sign(sign: str) -> str:
    if sign.isprintable():
        return sign
    wide = f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
    return {"\n": "\\n", "\t": "\\t"}.get(sign, wide)


_TEXT = """\
# yaml-language-server: $schema=./scenario.schema.json
#
# Run it:      ccs-model check scenario.yaml
#              ccs-model optimize scenario.yaml
# Every key, its default and its meaning: scenario.schema.json (editors show them while you type).
name: @NAME@
description: >
  With CNY 1.5 billion, which steel, ammonia and methanol plants of Shanxi should be retrofitted with carbon capture,
  when, and with which technology?

currency: CNY
price_year: 2024                     # all amounts are in real prices of this year
years: [2026, 2030, 2035]            # start of each period; the last is as long as the one before
discount_rate: 0.08                  # real, per year; rates and shares from 0 to 1

plants:
  inventory: [steel, chemicals]      # the shipped plants of China
  # inventory: [plants.xlsx]         # only your own plants: fill in plants.xlsx first
  # inventory: [steel, plants.xlsx]  # both
  provinces: [Shanxi]                # remove this line for all provinces
  min_emissions_ktpa: 1_500          # excludes smaller plants
  # exclude: [NH3_21]                # ids of plants that may not be retrofitted
  # require: [NH3_82]                # ids of plants that must be retrofitted

# data: tables                       # a folder of your own prices, sites or technologies, which override the shipped

capture:
  technologies: [amine, advanced_amine, compression, purification]
  decisions: integer                 # or continuous: the LP relaxation

storage: {sites: [Ordos, Qinshui], capacity: mid, max_fill_share: 0.5}

budget:
  total_mn: 1_500                    # million of the currency, over all years
  cumulative_mn: {2026: 900}         # up to the end of the period that starts in 2026

solver: {mip_gap: 0.02}
"""


def starter(name: str) -> str:
    """Text of the scenario file that `init` writes: it runs as it is, with alternatives as comments."""
    return _TEXT.replace("@NAME@", json.dumps(name, ensure_ascii=False))

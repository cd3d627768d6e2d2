"""A scenario with every value spelt out, as YAML that says where each value came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType

from ccs_model.scenario.validation import is_old_truth, scalar

DEFAULT = "default"

_PLAIN = re.compile(r"[^\W\d_]([\w -]*\w)?")
_LARGEST_EXACT = 1e15  # whole floats below this are written without a decimal point
_NO_COPIES: Mapping[str, str] = MappingProxyType({})


def resolved_yaml(
    values: Mapping[str, object], places: Mapping[str, str], copied_from: Mapping[str, str] = _NO_COPIES
) -> str:
    """Every value in the order of the schema, one a line; only file names stand in the comments, never folders.

    `copied_from` names, by dotted key, the files that were copied to where the value says.
    """
    origins = {key: _origin(place) for key, place in places.items()}
    for key, names in copied_from.items():
        origins[key] = f"{origins.get(key, DEFAULT)}, copied from {''.join(map(_sign, names))}"
    return "\n".join(("# Every value, with where it came from.", *_lines(values, origins, "", ""))) + "\n"


def _lines(values: Mapping[str, object], origins: Mapping[str, str], parent: str, indent: str) -> Iterator[str]:
    for key, value in values.items():
        dotted = f"{parent}{key}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _lines(value, origins, f"{dotted}.", indent + "  ")
        else:
            yield f"{indent}{key}: {_written(value)}  # {origins.get(dotted, DEFAULT)}"


def _origin(place: str) -> str:
    """A place without its folder, so that the text is the same wherever the scenario lies."""
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
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_EXACT else repr(value)
    return "{}" if value == {} else str(value)


def _text(text: str) -> str:
    """Bare where no YAML program could take it for anything but this text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.isprintable() and not is_old_truth(text) and scalar(text) == text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_sign, escaped)) + '"'


def _sign(sign: str) -> str:
    if sign.isprintable():
        return sign
    return {"\n": "\\n", "\t": "\\t"}.get(sign) or (
        f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
    )


# The scenario that `ccs-model new` writes: a question that runs as it is, with what one may change beside it.

_TEXT = """\
# yaml-language-server: $schema=./scenario.schema.json
#
# Run it:      ccs-model check scenario.yaml
#              ccs-model optimize scenario.yaml
# Every key, its default and its meaning: scenario.schema.json (editors show them while you type).
name: @NAME@
description: >
  With 1.5 billion CNY, which steel, ammonia and methanol plants of Shanxi should be fitted with carbon capture, when
  and with what?

currency: CNY
price_year: 2024                     # all money is in real prices of this year
years: [2026, 2030, 2035]            # start of each period; the last one lasts as long as the one before
discount_rate: 0.08                 # real, a year; shares go from 0 to 1

plants:
  inventory: [steel, chemicals]      # the shipped plants of China
  # inventory: [plants.xlsx]         # only plants of your own: fill in plants.xlsx first
  # inventory: [steel, plants.xlsx]  # both
  provinces: [Shanxi]                # leave it out for all
  min_emissions_ktpa: 1_500      # smaller plants are left as they are
  # exclude: [NH3_21]              # plants that may not be fitted, by id
  # require: [NH3_82]               # plants that must be fitted, by id

# data: tables                       # a folder of your own prices, sites or technologies, laid over the shipped ones

capture:
  technologies: [amine, advanced_amine, compression, purification]
  decisions: integer                   # or fractional: the linear program

storage: {sites: [Ordos, Qinshui], capacity: mid, max_fill_share: 0.5}

budget:
  total_mn: 1_500                    # million of the currency, over all years
  cumulative_mn: {2026: 900}            # up to the end of the period that starts in 2026

solver: {mip_gap: 0.005, time_limit_s: 50}
"""


def starter(name: str) -> str:
    """The text of the file."""
    return _TEXT.replace("@NAME@", json.dumps(name, ensure_ascii=False))

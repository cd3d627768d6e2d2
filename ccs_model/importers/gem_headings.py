"""Headings of Global Energy Monitor's workbooks: hints and notices for missing columns and units."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher

from ccs_model.inputs.declarations import Grid
from ccs_model.scenario.validation import shown_text

Aliases = Mapping[str, Sequence[str]]

# Columns that one column of another release replaces: of each group, one is enough.
_EITHER = (frozenset(("ohf", "induction")),)
# Columns with amounts in thousand tonnes a year.
AMOUNTS = ("crude", "bof", "eaf", "bf", "dri", "ohf", "induction", "other", "coke", "capacity")
# Half of the plants or furnaces exceed this by far in thousand tonnes a year, and none reaches it in million tonnes.
LEAST_MEDIAN_KTPA = 50.0
_UNIT = re.compile(r"\s*\((?:ttpa|thousand tonnes per annum|kt/y|ktpa)\)\s*$")
_ANY_UNIT = re.compile(r"\s*\([^()]*\)\s*$")
# Words of many headings, which do not make two headings similar.
_COMMON = frozenset(
    ("nominal", "current", "capacity", "steel", "iron", "furnace", "plant", "unit", "gem", "other", "english",
     "language", "ttpa", "and", "of", "the")
)  # fmt: skip
_ALSO = {
    "bf": "blast", "bof": "oxygen", "eaf": "arc", "dri": "reduced", "ohf": "hearth", "if": "induction",
    "coking": "coke",
}  # fmt: skip
_ALIKE_WORDS, _ALIKE_HEADINGS = 0.8, 0.5
_OTHER_FORM = {"coordinates": "or two columns, Latitude and Longitude"}
_WITHOUT = {
    "coke": "coke_ovens is unknown",
    "accuracy": "all places count as approximate",
    "secondary": "only primary products are read",
    **dict.fromkeys(("ohf", "induction", "other"), "notes do not name this steel"),
}


def plain_heading(title: str) -> str:
    """The heading in lower case with single blanks."""
    return " ".join(title.lower().split())


def heading_without_unit(heading: str) -> str:
    """The plain heading without a unit of thousand tonnes a year."""
    return _UNIT.sub("", plain_heading(heading))


def states_unit(heading: str) -> bool:
    """Whether the heading ends in a unit of thousand tonnes a year."""
    return _UNIT.search(plain_heading(heading)) is not None


def missing_columns(aliases: Aliases, positions: Mapping[str, int], optional: Collection[str]) -> list[str]:
    """Keys of required columns that a sheet lacks; latitude and longitude replace the pair of coordinates."""
    has_pair = {"latitude", "longitude"} <= positions.keys()
    missing = [key for key in aliases if key not in positions and key not in optional]
    return [key for key in missing if not (key == "coordinates" and has_pair)]


def missing_column_hint(key: str, aliases: Aliases, grid: Grid) -> str:
    """Hint that names the most similar heading of no other column that shares a distinctive word, or other names."""
    words = aliases[key]
    known = {alias for each in aliases.values() for alias in each}
    free = {plain_heading(heading): heading for heading in grid.header if heading}
    free = {plain: heading for plain, heading in free.items() if _UNIT.sub("", plain) not in known}
    for plain, heading in free.items():
        if _ANY_UNIT.sub("", plain) in words:
            return f"'{shown_text(heading)}' must be in thousand tonnes a year (ttpa)"
    ours = {each for alias in words for each in _distinctive_words(alias)}
    alike = {
        max(_likeness(alias, _UNIT.sub("", plain)) for alias in words): heading
        for plain, heading in free.items()
        if any(_likeness(one, other) >= _ALIKE_WORDS for one in ours for other in _distinctive_words(plain))
    }
    if alike and max(alike) >= _ALIKE_HEADINGS:
        return f"is it '{shown_text(alike[max(alike)])}'?"
    return _OTHER_FORM.get(key, f"also known as {', '.join(words[1:])}" if len(words) > 1 else "")


def heading_notices(
    grid: Grid, aliases: Aliases, positions: Mapping[str, int], optional: Collection[str], silent: Collection[str] = ()
) -> list[str]:
    """A notice for each missing optional column that is not in `silent`, and one for headings without unit."""
    replaced = {key for group in _EITHER if group & positions.keys() for key in group}
    aside = {"latitude", "longitude", *replaced, *silent}
    notices = []
    for key in aliases:
        if key in optional and key not in positions and key not in aside:
            hint = missing_column_hint(key, aliases, grid)
            place = grid.source.at_position(grid.header_line, 0)
            notices.append(
                f"{place}: column '{aliases[key][0]}' is missing{f' ({hint})' if hint else ''}; "
                f"{_WITHOUT.get(key, 'its values stay empty')}"
            )
    if bare := keys_without_unit(grid, positions):
        named = ", ".join(f"'{shown_text(grid.header[positions[key]])}'" for key in bare)
        place = grid.source.at_position(grid.header_line, positions[bare[0]])
        notices.append(f"{place}: no unit in {named}; thousand tonnes a year (ttpa) are assumed")
    return notices


def keys_without_unit(grid: Grid, positions: Mapping[str, int]) -> list[str]:
    """Keys of amounts with a heading that states no unit."""
    return [key for key in AMOUNTS if key in positions and not states_unit(grid.header[positions[key]])]


def _distinctive_words(text: str) -> set[str]:
    words = set(re.findall(r"[^\W\d_]+", text))
    return (words | {_ALSO[word] for word in words & _ALSO.keys()}) - _COMMON


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()

"""Types of value that several keys share, with their validators."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from ccs_model.errors import InputError, Issue
from ccs_model.scenario.validation import Finding, describe, nearest_word, raise_findings

HOME = "China"  # the country of the shipped tables, whose rows name its provinces
HOME_CURRENCY = "CNY"  # the unit of indices/exchange_rates, which has no rows of it
SHIPPED_INVENTORIES = ("steel", "chemicals")
# Shipped, but read only if a scenario names them.
MORE_INVENTORIES = ("coal_chemicals",)
# Plants of other sectors, and sources with capture costs of their own, read from the folder that `data:` names.
SOURCES = "sources"
_YEAR = re.compile("[12][0-9]{3}")
_UNWRITABLE = frozenset(("Cc", "Zl", "Zp"))  # Unicode categories that a workbook cell cannot hold


def _validate_controls(text: str, allowed: str = "") -> None:
    for sign in text:
        if unicodedata.category(sign) in _UNWRITABLE and sign not in allowed:
            raise_findings([Finding((), f"contains the control character U+{ord(sign):04X}", "remove it")])


def _validate_line(text: str) -> str:
    _validate_controls(text)
    if text and not text.strip():
        raise_findings([Finding((), "expected text, got only blanks")])
    return text


def _validate_paragraph(text: str) -> str:
    _validate_controls(text, allowed="\n\t")
    return text


def reject_repeats(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the list; raise if it names something twice."""
    first: dict[str, int] = {}
    repeats = []
    for place, word in enumerate(words):
        if word in first:
            repeats.append(Finding((place,), f"'{word}' is listed twice, first", other=(first[word],)))
        first.setdefault(word, place)
    raise_findings(repeats)
    return words


def plant_and_reason(item: str | Mapping[str, str]) -> tuple[str, str]:
    """Return the id of a plant of a list and its reason, empty where none is given."""
    return (item, "") if isinstance(item, str) else next(iter(item.items()))


def _plants_with_reasons(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the items; raise unless each is a plant id or one pair `id: reason`, and no id is listed twice."""
    strays = []
    for place, item in enumerate(items):
        is_pair = isinstance(item, Mapping) and len(item) == 1
        words = next(iter(item.items())) if is_pair else (item,)
        wrong = next((each for each in words if not isinstance(each, str) or not each.strip()), None)
        if wrong is not None or (not is_pair and not isinstance(item, str)):
            got = describe(wrong if is_pair else item)
            hint = f"write '{item}' in quotes" if isinstance(item, int | float) else "such as: - NH3_21: closes in 2027"
            strays.append(Finding((place,), f"expected a plant id, or 'id: reason', got {got}", hint))
            continue
        for each in words:
            if len(each) > _LONGEST_LINE:
                strays.append(Finding((place,), f"expected at most {_LONGEST_LINE} characters, got {len(each)}"))
            _validate_controls(each)
    raise_findings(strays)
    reject_repeats(tuple(plant_and_reason(item)[0] for item in items))
    return tuple(item if isinstance(item, str) else dict(item) for item in items)


CURRENCY = re.compile("[A-Z]{3}")
CURRENCY_TEXT = "a currency code of ISO 4217, such as CNY, USD, EUR or INR"


def currency_code(word: str) -> str:
    """Return the word; raise unless it is three capital letters. Whether it has a price index is checked later."""
    if not CURRENCY.fullmatch(word):
        hint = f"did you mean '{word.upper()}'?" if CURRENCY.fullmatch(word.upper()) else ""
        raise_findings([Finding((), f"expected {CURRENCY_TEXT}; got {describe(word)}", hint)])
    return word


Currency = Annotated[str, Field(json_schema_extra={"pattern": "^[A-Z]{3}$"}), AfterValidator(currency_code)]
"""A code of ISO 4217."""


def is_file_name(name: str) -> bool:
    """Whether a word names a file: it has a dot or a slash, unlike the names of shipped tables."""
    return any(sign in name for sign in "./\\")


def _inventories(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names; raise unless each is a shipped table or a file, listed once."""
    known = (*SHIPPED_INVENTORIES, *MORE_INVENTORIES, SOURCES)
    raise_findings(
        Finding(
            (place,),
            f"expected {', '.join(known)} or a file of your own, got {describe(name)}",
            nearest_word(name, known) or "your own tables end in .csv or .xlsx",
        )
        for place, name in enumerate(names)
        if name not in known and not is_file_name(name)
    )
    return reject_repeats(names)


def corridors_or_file(word: str) -> str:
    """Return the word; raise unless it is `auto`, `all` or the name of a .csv file."""
    if word not in ("auto", "all") and not word.lower().endswith(".csv"):
        what = f"expected auto, all or a .csv file of your own, got {describe(word)}"
        raise_findings([Finding((), what, nearest_word(word, ("auto", "all")))])
    return word


def terrain_file(name: str) -> str:
    """Return the name; raise unless it ends in .asc (a grid) or .csv (a table of points)."""
    if not name.lower().endswith((".asc", ".csv")):
        what = f"expected an .asc or .csv file of your own, got {describe(name)}"
        raise_findings([Finding((), what, "an ESRI ASCII grid, or a table of lat_deg, lon_deg, cost_multiplier")])
    return name


def starts_of(years: tuple[int, ...] | str, price_year: int) -> tuple[int, ...]:
    """First year of each period; for `static`, the price year."""
    return (price_year,) if isinstance(years, str) else tuple(years)


def _validate_increasing(years: tuple[int, ...]) -> tuple[int, ...]:
    raise_findings(
        Finding((place + 1,), f"expected a year after {before}, got {after}", "list the years in increasing order")
        for place, (before, after) in enumerate(pairwise(years))
        if after <= before
    )
    return years


def sort_by_key(values: dict[Any, Any]) -> dict[Any, Any]:
    """Return the mapping in the order of its years or names."""
    return dict(sorted(values.items()))


def years_as_numbers(values: Any) -> Any:
    """Read quoted years as numbers, since JSON has no other keys; a year that occurs both ways stays an error."""
    if not isinstance(values, Mapping):
        return values
    return {
        int(key) if isinstance(key, str) and _YEAR.fullmatch(key) and int(key) not in values else key: value
        for key, value in values.items()
    }


_LONGEST_LINE = 120
Line = Annotated[str, Field(min_length=1, max_length=_LONGEST_LINE), AfterValidator(_validate_line)]
# A limit of length, even one beyond any file, also rejects incomplete characters.
Paragraph = Annotated[str, Field(max_length=1_000_000), AfterValidator(_validate_paragraph)]
# Names that no file can have are reported on opening the file.
FileName = Annotated[str, Field(min_length=1, max_length=1000)]
TerrainName = Annotated[FileName, AfterValidator(terrain_file)]
Inventories = Annotated[tuple[FileName, ...], Field(min_length=1), AfterValidator(_inventories)]
Words = Annotated[tuple[Line, ...], AfterValidator(reject_repeats)]
PlantsWithReasons = Annotated[
    tuple[Any, ...],
    AfterValidator(_plants_with_reasons),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "string", "minLength": 1, "maxLength": _LONGEST_LINE},
                    {
                        "type": "object",
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": _LONGEST_LINE},
                    },
                ]
            },
        }
    ),
]
# A path has years far before and after any horizon, but no year of two digits or with a digit too many.
PathYear = Annotated[int, Field(ge=1990, le=2200)]
AmountByYear = Annotated[
    dict[PathYear, Annotated[float, Field(ge=0)]], BeforeValidator(years_as_numbers), AfterValidator(sort_by_key)
]
AmountByName = Annotated[dict[Line, Annotated[float, Field(ge=0)]], AfterValidator(sort_by_key)]
StartByName = Annotated[dict[Line, Annotated[int, Field(ge=2020, le=2100)]], AfterValidator(sort_by_key)]
ShareByName = Annotated[dict[Line, Annotated[float, Field(ge=0, le=1)]], AfterValidator(sort_by_key)]
ShareByYear = Annotated[
    dict[PathYear, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(years_as_numbers), AfterValidator(sort_by_key)
]


def _accept_static(value: Any, years: ValidatorFunctionWrapHandler) -> Any:
    """Accept `static` before the list is validated, so that errors of a list do not mention the word."""
    return value if isinstance(value, str) and value == "static" else years(value)


if TYPE_CHECKING:
    Years = tuple[int, ...] | Literal["static"]
else:
    Years = Annotated[
        tuple[Annotated[int, Field(ge=2020, le=2100)], ...],
        Field(min_length=2),
        AfterValidator(_validate_increasing),
        WrapValidator(_accept_static),
        PlainSerializer(lambda years: years, return_type=Any),
        WithJsonSchema(
            {
                "anyOf": [
                    {"const": "static"},
                    {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 2020, "maximum": 2100}},
                ]
            }
        ),
    ]


# Limits from here on are years.
_FIRST_YEAR = 2000


class FrozenDict(dict[Any, Any]):
    """A dict that cannot be changed, so that a scenario stays as it was validated."""

    def _reject_change(self, *_: object, **__: object) -> None:
        raise TypeError("a scenario cannot be changed; Scenario.with_changes returns a changed copy")

    __setitem__ = __delitem__ = __ior__ = _reject_change  # type: ignore[assignment]
    clear = pop = popitem = setdefault = update = _reject_change  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[Any, Any]]]:
        return FrozenDict, (dict(self),)


class Section(BaseModel):
    """Base of all sections of a scenario: frozen, no unknown keys, no numbers from text, no infinities."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="after")
    def _freeze_dicts(self) -> Self:
        for name, value in self.__dict__.items():
            if type(value) is dict:
                self.__dict__[name] = FrozenDict(value)
        return self

    @classmethod
    def has_years(cls, key: str) -> bool:
        """Whether the values of a key are years: those by plant, and what the schema limits to years."""
        limits = cls.model_fields[key].metadata
        return key == "not_before" or any((getattr(limit, "ge", None) or 0) >= _FIRST_YEAR for limit in limits)


def plain_values(value: Any) -> Any:
    """Return the value with lists as tuples, NumPy numbers as Python numbers and surrogate pairs as characters.

    JSON escapes characters beyond 65,535 as such a pair. The schema validates the rest.
    """
    if isinstance(value, Mapping):
        return {key: plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain_values(each) for each in value)
    if isinstance(value, str):
        return _join_surrogates(value)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _join_surrogates(text: str) -> str:
    """The text with each pair of surrogates as its character; one of them alone stays."""
    if text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text


def value_at(values: Mapping[Any, Any], key: str) -> Any:
    """Return the value of a dotted key in nested values, which may be invalid; None if it is absent."""
    value: Any = values
    steps: Sequence[str] = key.split(".")
    while steps:
        if not isinstance(value, Mapping):
            return None
        step, steps = first_step(value, steps)
        value = value.get(step)
    return value


def put_key(values: dict[Any, Any], key: str, value: object) -> None:
    """Set a dotted key in nested values; a step of digits is a year, and names of the values may have dots."""
    if not isinstance(key, str):
        raise InputError([Issue(f"{key!r}", "is no key", "expected text, such as budget.total_mn")])
    step, rest = first_step(values, key.split("."))
    while rest:
        values = values.setdefault(step, {})
        if not isinstance(values, dict):
            raise InputError([Issue(key, f"'{step}' has a value, not keys")])
        step, rest = first_step(values, rest)
    values[step] = value


def first_step(values: Mapping[Any, Any], steps: Sequence[str]) -> tuple[str | int, Sequence[str]]:
    """Return the first step of a dotted key and the further steps; a name of the values that has dots is one step."""
    n = next((n for n in range(len(steps), 1, -1) if ".".join(steps[:n]) in values), 1)
    step = ".".join(steps[:n])
    return int(step) if step.isascii() and step.isdigit() else step, steps[n:]

"""Checks of the arguments of public functions.

Each function returns the argument, numbers as plain int or float, or raises an InputError that names the argument, what
was given and what is expected. Integers and floats of numpy are numbers; bool is none.
"""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from ccs_model.errors import InputError, Issue

T = TypeVar("T")
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


class ArgumentTypeError(InputError, TypeError):
    """An object of another type than a function takes; also a TypeError."""


def argument_error(name: str, given: object, expected: str) -> InputError:
    """Return the error of an argument: its name, what is expected, and a short text of what was given."""
    is_plain = given is None or isinstance(given, str | bytes | bytearray | Real | list | tuple | dict)
    return InputError([Issue(name, f"expected {expected}, got {_SHOWN.repr(given) if is_plain else _kind(given)}")])


def _kind(given: object) -> str:
    name = type(given).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def whole_number(name: str, given: object, least: int) -> int:
    """Return an integer of at least `least`."""
    if isinstance(given, bool) or not isinstance(given, Integral) or int(given) < least:
        raise argument_error(name, given, f"a whole number of at least {least}")
    return int(given)


def number(name: str, given: object, above: float | None = None, below: float | None = None) -> float:
    """Return a finite number between two values, both excluded; None is no limit."""
    value = math.nan if isinstance(given, bool) or not isinstance(given, Real) else float(given)
    is_within = (above is None or value > above) and (below is None or value < below)
    if not math.isfinite(value) or not is_within:
        limits = ([] if above is None else [f"above {above:g}"]) + ([] if below is None else [f"below {below:g}"])
        raise argument_error(name, given, f"a number {' and '.join(limits)}" if limits else "a finite number")
    return value


def seconds(name: str, given: object, *, zero: bool = False) -> float:
    """Return a number of seconds, which may be infinite; 0 only if `zero`."""
    value = math.nan if isinstance(given, bool) or not isinstance(given, Real) else float(given)
    if not (value > 0 or (zero and value == 0)):
        raise argument_error(name, given, f"a number of seconds {'of at least 0' if zero else 'above 0'}")
    return value


def file_path(name: str, given: object, expected: str = "a path", *, suffix: str = "") -> Path:
    """Return a path, which ends in `suffix`."""
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str) or not text:
        raise argument_error(name, given, expected)
    if suffix and Path(text).suffix.lower() != suffix:
        raise InputError([Issue(name, f"'{text}' does not end in {suffix}")])
    return Path(text)


def items_of(name: str, given: object, expected: str) -> tuple[Any, ...]:
    """Return the items of a list or of anything else with an order; texts, mappings and data frames have none."""
    is_one = isinstance(given, str | bytes | bytearray | Mapping | set | frozenset) or hasattr(given, "columns")
    try:
        if not is_one and isinstance(given, Iterable):
            return tuple(iter(given))
    except TypeError:
        if not hasattr(given, "ndim"):  # an array without dimensions has no items
            raise
    raise argument_error(name, given, expected)


def mapping(name: str, given: object, expected: str) -> Mapping[Any, Any]:
    """Return a mapping."""
    if not isinstance(given, Mapping):
        raise argument_error(name, given, expected)
    return given


def callback(name: str, given: T) -> T:
    """Return a function that is called with progress, or None."""
    if given is not None and not callable(given):
        raise argument_error(name, given, "a function or None")
    return given


def choice(name: str, given: object, choices: Collection[str]) -> str:
    """Return one of some words."""
    if not isinstance(given, str) or given not in choices:
        raise argument_error(name, given, f"one of {', '.join(choices)}")
    return given


def shard_pair(name: str, given: object) -> tuple[int, int]:
    """Return (i, n) with i from 1 to n."""
    expected = "(i, n) with i from 1 to n"
    pair = items_of(name, given, expected)
    if len(pair) != 2 or any(isinstance(each, bool) or not isinstance(each, Integral) for each in pair):
        raise argument_error(name, given, expected)
    i, n = map(int, pair)
    if not 1 <= i <= n:
        raise argument_error(name, given, expected)
    return i, n


def instance_of(name: str, given: object, kind: type[T] | tuple[type[T], ...], expected: str, hint: str = "") -> T:
    """Return an object of a type; `hint` says which function returns one."""
    if not isinstance(given, kind):
        what = f"expected {expected}, got {type(given).__name__}"
        raise ArgumentTypeError([Issue(name, f"{what}: {hint}" if hint else what)])
    return given


def optional(check: Callable[..., T], name: str, given: object, *args: Any) -> T | None:
    """Return None, or what a check of the others returns."""
    return None if given is None else check(name, given, *args)

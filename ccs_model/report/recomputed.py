"""The workbook computed again by an engine that is not ours, and held against the values stored beside its formulas.

The engine is formualizer (extra `verify`). It reads the formulas and forgets the stored values; what it cannot compute
it answers with an error, which counts as a cell that was not compared, and is named.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ccs_model.errors import MissingExtraError
from ccs_model.report.stored_cells import StoredCell

TOLERANCE = 1e-9
ENGINE = "formualizer"
# Errors by which the engine says that it does not know a function, not that the function fails.
_UNKNOWN = ("Name", "NImpl")


@dataclass(frozen=True)
class Recomputed:
    """How many formulas were compared, the largest distance (relative above 1), and the cells that stand apart.

    `apart` and `not_compared` are sentences that begin with the address.
    """

    n_compared: int
    worst: float
    apart: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Every formula was compared, and every one is equal."""
        return not self.apart and not self.not_compared


def engine() -> Any:
    """The engine's module. Raises MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(ENGINE)
    except ImportError as error:
        raise MissingExtraError("computing the workbook again", "verify", [ENGINE]) from error


def recomputed(raw: bytes, cells: Sequence[StoredCell]) -> Recomputed:
    """Compute every formula of the workbook `raw` and compare it with what is stored, `cells` being its cells.

    Raises MissingExtraError without the engine.
    """
    module = engine()
    formulas = [cell for cell in cells if cell.has_formula]
    try:
        book = module.Workbook.from_bytes(raw)
        book.evaluate_all()
    except Exception as error:  # noqa: BLE001  the engine raises its own kinds for what it cannot read
        return Recomputed(0, 0.0, (), (f"all {len(formulas):,} formulas: {ENGINE} cannot read the workbook: {error}",))
    apart, skipped = [], []
    worst, n_compared = 0.0, 0
    for cell in formulas:
        found = _computed(book, cell)
        unknown = _unknown(found)
        if unknown:
            skipped.append(f"{cell.address}: {ENGINE} cannot compute it: {unknown}")
            continue
        n_compared += 1
        distance = distance_of(cell.value, found)
        if distance is not None and distance <= TOLERANCE:
            worst = max(worst, distance)
            continue
        worst = max(worst, distance or 0.0)
        apart.append(f"{cell.address}: {cell.value!r} stands there, {found!r} is computed")
    return Recomputed(n_compared, worst, tuple(apart), tuple(skipped))


def distance_of(ours: object, theirs: object) -> float | None:
    """How far two values are apart, relative above 1; None where they are no two numbers and not equal."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return 0.0 if ours == theirs else None
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) / max(1.0, abs(ours))
    return 0.0 if ours == ("" if theirs is None else theirs) else None


def _computed(book: Any, cell: StoredCell) -> object:
    with contextlib.suppress(Exception):
        return book.get_value(cell.sheet, cell.row, cell.column)
    return {"kind": _UNKNOWN[0]}


def _unknown(found: object) -> str:
    """Why the engine has no answer; empty where it has one, be it an error of the formula's own."""
    kind = str(found.get("kind", "")) if isinstance(found, dict) else ""
    return kind if kind in _UNKNOWN else ""

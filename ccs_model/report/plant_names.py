"""Chinese names of plants that differ from one another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ccs_model.report.language import chinese_value

# An English name with its product, such as `Guxian Lida Coking (ammonia)`.
_WITH_PRODUCT = re.compile(r".+ \(([^()]+)\)")


def distinct_chinese_names(plants: Iterable[tuple[str, str, str, str]]) -> dict[str, str]:
    """Return the Chinese name of each plant by its id; empty for a plant without one.

    Where several plants have one Chinese name, the product that stands in the English name follows in brackets, or
    else the sector; where these are equal too, the id.

    Parameters
    ----------
    plants
        Id, English name, Chinese name and sector of each plant.
    """
    rows = list(plants)
    repeated = {name_zh for name_zh, n in Counter(name_zh for _, _, name_zh, _ in rows).items() if name_zh and n > 1}
    names = {
        plant: f"{name_zh}（{_kind(name, sector)}）" if name_zh in repeated else name_zh
        for plant, name, name_zh, sector in rows
    }
    n_of = Counter(names.values())
    return {
        plant: f"{name_zh}（{plant}）" if name_zh in repeated and n_of[names[plant]] > 1 else names[plant]
        for plant, _, name_zh, _ in rows
    }


def _kind(name: str, sector: str) -> str:
    """The product in brackets of an English name, or else the sector, in Chinese."""
    found = _WITH_PRODUCT.fullmatch(name)
    product = chinese_value(found[1], ("product",)) if found else None
    return product or chinese_value(sector, ("sector",)) or sector

"""One colour for each sector, the same on page and workbook.

Steel and chemicals have the colours of the house; the others are from the muted scheme of Paul Tol (SRON, 2021), whose
colours differ for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

SECTOR_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "steel": "#B35806",
        "chemicals": "#2166AC",
        "cement": "#CC6677",
        "lime": "#DDCC77",
        "refinery": "#332288",
        "hydrogen": "#88CCEE",
        "ethylene": "#44AA99",
        "ethylene_oxide": "#117733",
        "ethanol": "#999933",
        "pulp": "#661100",
        "waste": "#882255",
        "coal_power": "#37474F",
        "gas_power": "#AA4499",
    }
)
# Sectors of a user's own table.
_OWN = ("#7B6D8D", "#1B6637", "#5B2C83", "#888888")
# Share of the full colour in the pale one.
_PALE = 0.3


def sector_colours(sectors: Iterable[str]) -> dict[str, str]:
    """Return the colour of each sector."""
    own = [sector for sector in sectors if sector not in SECTOR_COLOURS]
    return {**SECTOR_COLOURS, **{sector: _OWN[at % len(_OWN)] for at, sector in enumerate(own)}}


def pale(colour: str) -> str:
    """Return a colour mixed with white."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * _PALE):02X}" for part in parts)

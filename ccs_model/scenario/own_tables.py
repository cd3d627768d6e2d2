"""Which tables of the user's own a scenario names, and where it names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ccs_model.scenario.fields import GIVEN_SOURCES, MORE_INVENTORIES, SHIPPED_INVENTORIES, names_a_file

if TYPE_CHECKING:
    from ccs_model.scenario.schema import Scenario

INVENTORY, DATA, TERRAIN = "plants.inventory", "data", "transport.terrain"
_TABLES = (*SHIPPED_INVENTORIES, *MORE_INVENTORIES, GIVEN_SOURCES)


@dataclass(frozen=True)
class OwnTables:
    """`inventory`, `data` and `terrain` as the scenario says them; files are seen from `folder`, the scenario's."""

    folder: Path
    inventory: tuple[str, ...] = SHIPPED_INVENTORIES
    data: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    terrain: str | None = None

    @classmethod
    def of(cls, scenario: Scenario) -> OwnTables:
        """Of a sound scenario; one made in Python sees files from the folder the program runs in."""
        source = scenario.source_path
        folder = source.parent if source is not None else Path.cwd()
        return cls(folder, scenario.plants.inventory, scenario.data, scenario.places, scenario.transport.terrain)

    @classmethod
    def of_values(cls, values: Mapping[str, object], places: Mapping[str, str], folder: Path) -> OwnTables:
        """Of a file with faults: what can still be read, so that faults of its tables are told with its own."""
        plants, data, transport = values.get("plants"), values.get("data"), values.get("transport")
        terrain = transport.get("terrain") if isinstance(transport, Mapping) else None
        listed = plants.get("inventory") if isinstance(plants, Mapping) else None
        names = listed if isinstance(listed, list | tuple) else SHIPPED_INVENTORIES
        inventory = tuple(name for name in names if name in _TABLES or (isinstance(name, str) and names_a_file(name)))
        return cls(
            folder,
            inventory,
            data if isinstance(data, str) and data else None,
            places,
            terrain if isinstance(terrain, str) and terrain.lower().endswith((".asc", ".csv")) else None,
        )

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """(key, name) of each inventory that is a file: `("plants.inventory[1]", "mine.xlsx")`."""
        return tuple(
            (f"{INVENTORY}[{place}]", name) for place, name in enumerate(self.inventory) if name not in _TABLES
        )

    def where(self, key: str) -> str:
        """The place of a key, and the key where no file gave it."""
        place = self.places.get(key, "")
        return f"{place}: {key}" if ":" in place else key

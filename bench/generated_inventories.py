"""Generated inventories with any number of steel plants, copied from the shipped plants, and scenarios for them.

Each copy has its own id and lies some kilometres from the original. The copies are no real plants.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

from ccs_model.paths import data_folder

# Largest shift of a copy in degrees; small, so that the copy stays in its province.
_MAX_SHIFT_DEG = 0.02
BUDGET_MN_PER_PLANT = 200


def write_scenario(n_plants: int, years: Sequence[int], folder: Path) -> Path:
    """Write a scenario of `n_plants` plants with own pipes, and its inventory; return the path of the scenario."""
    _write_inventory(n_plants, folder / "plants.csv")
    text = {
        "name": f"{n_plants} generated plants",
        "years": list(years),
        "plants": {"inventory": ["plants.csv"], "min_emissions_ktpa": 200},
        "capture": {"technologies": ["amine", "compression"]},
        "transport": {"shared_trunklines": False},
        "storage": {"capacity": "mid", "max_fill_share": 0.5},
        "budget": {"total_mn": BUDGET_MN_PER_PLANT * n_plants},
        "objective": "max_abatement",
        "solver": {"mip_gap": 0.02, "time_limit_s": 600, "threads": 1},
    }
    path = folder / "scenario.yaml"
    # JSON is YAML.
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


def _write_inventory(n_plants: int, path: Path) -> None:
    rng = random.Random(1)
    with (data_folder() / "plants" / "steel.csv").open(encoding="utf-8", newline="") as file:
        shipped = list(csv.DictReader(file))
    # Shuffled, so that any number of plants has the same mix of large and small ones.
    rng.shuffle(shipped)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(shipped[0]))
        writer.writeheader()
        for k in range(n_plants):
            original = shipped[k % len(shipped)]
            shift_deg = _MAX_SHIFT_DEG if k >= len(shipped) else 0.0
            position = {
                name: f"{float(original[name]) + rng.uniform(-shift_deg, shift_deg):.5f}"
                for name in ("lat_deg", "lon_deg")
            }
            copy = {
                "plant": f"M{k:06d}",
                "name": f"Generated {k}",
                "name_zh": "",
                "reference": "OWN",
                "quality": "assumed",
            }
            # Coke ovens are assigned by plant id, and a copy has another id.
            writer.writerow({**original, **copy, **position, "coke_ovens": "unknown", "coke_ktpa": ""})

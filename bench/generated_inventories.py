"""Generated inventories with any number of steel plants, copied from the shipped ones, and scenarios over them.

Each copy has its own id and a place some kilometres from the original. No copy is a fact.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

from ccs_model.paths import data_folder

# Largest shift of a copy in degrees, so that it stays in its province.
_AWAY_DEG = 0.02
BUDGET_MN_PER_WORKS = 200


def write_works(n_works: int, years: Sequence[int], folder: Path) -> Path:
    """Write a scenario of `n_works` plants with own pipes and its inventory; return the scenario file."""
    _write(n_works, folder / "works.csv")
    text = {
        "name": f"{n_works} made works",
        "years": list(years),
        "plants": {"inventory": ["works.csv"], "min_emissions_ktpa": 200},
        "capture": {"technologies": ["amine", "compression"]},
        "transport": {"shared_trunklines": False},
        "storage": {"capacity": "mid", "max_fill_share": 0.5},
        "budget": {"total_mn": BUDGET_MN_PER_WORKS * n_works},
        "objective": "max_abatement",
        "solver": {"mip_gap": 0.02, "time_limit_s": 600, "threads": 1},
    }
    path = folder / "works.yaml"
    # JSON is YAML.
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


def _write(n_works: int, path: Path) -> None:
    chance = random.Random(1)
    with (data_folder() / "plants" / "steel.csv").open(encoding="utf-8", newline="") as file:
        shipped = list(csv.DictReader(file))
    # Large and small plants have the same shares for every number of plants.
    chance.shuffle(shipped)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(shipped[0]))
        writer.writeheader()
        for k in range(n_works):
            works = shipped[k % len(shipped)]
            away = _AWAY_DEG if k >= len(shipped) else 0.0
            there = {name: f"{float(works[name]) + chance.uniform(-away, away):.5f}" for name in ("lat_deg", "lon_deg")}
            made = {"plant": f"M{k:06d}", "name": f"Made {k}", "name_zh": "", "reference": "OWN", "quality": "assumed"}
            # Coke ovens are assigned by plant id, which a copy does not have.
            writer.writerow({**works, **made, **there, "coke_ovens": "unknown", "coke_ktpa": ""})

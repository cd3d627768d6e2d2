"""Generated network cases of any size: sources and sites at random locations, with costs similar to the SimCCS cases.

All numbers are drawn from a seed, so a case is the same on every machine. The cases describe no real plants or sites.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

PIPE_TRENDS = ((0.431655132, 0.115719152), (0.770037049, 0.078306697))
_PROVENANCE = {"reference": "GENERATED", "quality": "assumed", "note": "randomly generated"}


def write_network_case(folder: Path, n_sources: int, n_sites: int, seed: int, target_share: float = 0.5) -> Path:
    """Write a static case at minimum cost and return the path of its scenario; million USD and kt/y."""
    rng = np.random.default_rng(seed)

    def draw_locations(n: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.uniform(30.0, 39.0, n).round(4), rng.uniform(104.0, 115.0, n).round(4)

    lat, lon = draw_locations(n_sources)
    ktpa = rng.lognormal(np.log(1_500.0), 0.8, n_sources).clip(50.0, 15_000.0).round(1)
    sources = pd.DataFrame(
        {
            "plant": [f"source {k}" for k in range(n_sources)],
            "name": [f"Source {k}" for k in range(n_sources)],
            "province": "Generated",
            "lat_deg": lat,
            "lon_deg": lon,
            "status": "operating",
            "co2_ktpa": ktpa,
            "capture_capex_mn": (0.6 * ktpa**0.9 * rng.uniform(0.8, 1.2, n_sources)).round(3),
            "fixed_om_mn_pa": (0.02 * ktpa**0.9).round(3),
            "capture_cost_per_t": rng.uniform(20.0, 70.0, n_sources).round(2),
            "currency": "USD",
            "price_year": 2024,
            **_PROVENANCE,
        }
    )
    lat, lon = draw_locations(n_sites)
    capacity = rng.lognormal(np.log(3e5), 0.5, n_sites).round()
    sites = pd.DataFrame(
        {
            "site": [f"site {k}" for k in range(n_sites)],
            "name": [f"Site {k}" for k in range(n_sites)],
            "basin": "Generated",
            "province": "Generated",
            "lat_deg": lat,
            "lon_deg": lon,
            "kind": "saline",
            "capacity_low_kt": capacity,
            "capacity_mid_kt": capacity,
            "capacity_high_kt": capacity,
            "well_injectivity_ktpa": rng.uniform(150.0, 800.0, n_sites).round(),
            "n_wells_max": 60,
            "injection_cost_per_t": rng.uniform(0.0, 3.0, n_sites).round(2),
            "site_capex_mn": rng.uniform(15.0, 65.0, n_sites).round(2),
            "well_capex_mn": rng.uniform(2.9, 4.6, n_sites).round(2),
            "well_om_mn_pa": rng.uniform(0.13, 0.2, n_sites).round(3),
            "currency": "USD",
            "price_year": 2024,
            **_PROVENANCE,
        }
    )
    trends = pd.DataFrame(
        {
            "pipe": ["trend 1", "trend 2"],
            "fixed_mn_per_km": [fixed for fixed, _ in PIPE_TRENDS],
            "slope_mn_per_km_per_ktpa": [slope / 1_000.0 for _, slope in PIPE_TRENDS],
            "largest_ktpa": [9_044.63, np.nan],
            "life_yr": 30,
            "currency": "USD",
            "price_year": 2024,
            **_PROVENANCE,
        }
    )
    references = pd.DataFrame(
        [
            {
                "reference": "GENERATED",
                "citation": "Randomly generated",
                "where": "",
                "licence": "none",
                "use": "benchmarks",
            }
        ]
    )
    tables = {"plants/sources": sources, "storage/sites": sites, "transport/trends": trends, "references": references}
    for name, table in tables.items():
        path = folder / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    scenario = folder / "scenario.yaml"
    scenario.write_text(
        f"name: Generated {n_sources} x {n_sites}, seed {seed}\n"
        "currency: USD\nyears: static\ncapital_recovery_share: 0.1\nstorage_life_yr: 30\n"
        "plants: {inventory: [sources]}\ndata: data\n"
        "transport: {trucks: false, detour_factor: 1.2}\n"
        "storage: {sites: [Generated]}\n"
        f"targets: {{captured_ktpa: {float(np.floor(target_share * ktpa.sum()))!r}}}\n"
        "objective: min_cost\n"
        "solver: {mip_gap: 0.001, effort: thorough}\n",
        encoding="utf-8",
    )
    return scenario

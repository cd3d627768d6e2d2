"""Waste heat as output times a factor per tonne, checked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.engineering.capture_units import waste_heat_tj_pa
from ccs_model.inputs import Inputs


def plants_of(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["plant", "province", "product", "capacity_ktpa"])


def test_waste_heat_matches_hand_calculation(inputs: Inputs) -> None:
    plants = plants_of(
        # Jiujiang Wire: 4,229 kt/y of oxygen-furnace steel out of 5,729 in total; its electric steel has none.
        ("P100000120110", "Hebei", "crude_steel", 5_729),
        # Donghua: 4,600 kt/y; of its iron capacity 1,330 of 5,965 kt/y retire.
        ("P100000120108", "Hebei", "crude_steel", 4_600),
        # Longfengshan: 2,000 kt/y of iron, no steel.
        ("P100000120350", "Hebei", "crude_steel", 0),
        ("NH3_29", "Hebei", "ammonia", 600),
        ("MEOH_48", "Shanxi", "methanol", 600),
        ("X", "Here", "", 0),
    )
    found = waste_heat_tj_pa(plants, inputs)
    assert found.tolist() == pytest.approx(
        [
            4_229 * 0.9388 * 0.3,
            4_600 * 0.9388 * 0.3 * (1 - 1_330 / 5_965),
            2_000 * 0.9388 * 0.3,
            600 * 0.89 * 0.3,
            600 * 0.836 * 0.2,
            0.0,
        ]
    )
    assert found.name == "waste_heat_tj_pa"


def test_waste_heat_of_a_problem_covers_a_small_part_of_the_steam_demand(
    problem_of: Callable[..., object], inputs: Inputs
) -> None:
    problem = problem_of({"plants": {"inventory": ["steel"], "provinces": ["Hebei"]}})
    plants = problem.plants  # type: ignore[attr-defined]
    heat = waste_heat_tj_pa(plants, inputs)
    assert heat.index.equals(plants.index)
    assert (heat >= 0).all()
    # Stoves and power plant of a mill need about 1.2 t of CO2 x 2.5 GJ per tonne of steel: ten times as much.
    assert 0.03 < heat.sum() / (plants["capturable_ktpa"].sum() * 2.5) < 0.12

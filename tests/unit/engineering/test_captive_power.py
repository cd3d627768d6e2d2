"""Captive coal units: only emissions beyond those of the stack that already includes them are added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.streams import (
    STREAM,
    captive_streams,
    chemical_streams,
    excess_ktpa,
    is_operating,
    running_units,
    steel_streams,
)
from ccs_model.inputs import Inputs

StreamsOfSector = dict[str, tuple[Callable[..., pd.DataFrame], str]]
SECTORS: StreamsOfSector = {"steel": (steel_streams, "power_plant"), "chemicals": (chemical_streams, "boiler_flue_gas")}
SHILIAN, BAOTOU, JIUGANG, BAOGANG = "NH3_61", "MEOH_5", "P100000120082", "P100000120182"


def of_sector(inputs: Inputs, sector: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the captive streams of every plant of a sector, and the emissions of the stack that includes them."""
    streams_of, stack = SECTORS[sector]
    plants = inputs[f"plants/{sector}"]
    plants = plants[is_operating(plants)].reset_index(drop=True)
    streams = streams_of(plants, inputs)
    held = streams[streams["stream"] == stack].groupby("plant")["co2_ktpa"].sum()
    return captive_streams(plants, streams, plants, held, inputs).set_index("plant"), held


def test_matched_captive_units_have_the_expected_totals(inputs: Inputs) -> None:
    units = inputs["plants/captive_units"]
    assert len(units) == 531
    assert (units["status"] == "operating").sum() == 368
    matched = running_units(inputs)
    assert len(matched) == 103
    assert matched["plant"].nunique() == 41
    assert matched["capacity_mw"].sum() == pytest.approx(13_289)
    assert matched["co2_ktpa"].sum() == pytest.approx(67_512, abs=5)
    assert matched["plant_km"].max() <= 3
    # Units are matched within the sector that the tracker says they serve.
    is_steel = matched["plant"].str.startswith("P1")
    assert is_steel.sum() == 41
    assert matched.loc[is_steel, "industry"].str.contains("iron & steel").all()
    assert matched.loc[~is_steel, "industry"].str.contains("chemicals").all()


def test_captive_stream_of_an_ammonia_plant_matches_hand_calculation(inputs: Inputs) -> None:
    # Shilian: two units of 263.3 kt/y; the boilers already emit 400 kt/y of ammonia x 0.89 x 0.7 = 249.2.
    found, held = of_sector(inputs, "chemicals")
    assert held[SHILIAN] == pytest.approx(249.2)
    assert found.at[SHILIAN, "co2_ktpa"] == pytest.approx(2 * 263.3 - 249.2)
    assert found.at[SHILIAN, "grade"] == "flue_gas"
    assert found.at[SHILIAN, "co2_share"] == 0.125
    assert found.at[SHILIAN, "lasting_share"] == 1.0


def test_captive_stream_of_a_methanol_plant_matches_hand_calculation(inputs: Inputs) -> None:
    # Shenhua Baotou: 600 MW, 3,145.4 kt/y; the boilers already emit 1,800 x 0.836 x 1.05 = 1,580.04.
    found, _ = of_sector(inputs, "chemicals")
    assert found.at[BAOTOU, "co2_ktpa"] == pytest.approx(3_145.4 - 1_580.04, abs=0.5)


def test_only_one_mill_has_a_captive_stream(inputs: Inputs) -> None:
    found, held = of_sector(inputs, "steel")
    assert found.index.tolist() == [JIUGANG]
    units = running_units(inputs).groupby("plant")["co2_ktpa"].sum()
    assert found.at[JIUGANG, "co2_ktpa"] == pytest.approx(units[JIUGANG] - held[JIUGANG])
    # Baotou Steel burns 1.1 Mt/y in captive units, and its power plant emits more: nothing is added.
    assert units[BAOGANG] == pytest.approx(1_129, abs=1)
    assert held[BAOGANG] > units[BAOGANG]


def test_national_captive_streams_have_the_expected_totals(inputs: Inputs) -> None:
    chemicals, _ = of_sector(inputs, "chemicals")
    steel, _ = of_sector(inputs, "steel")
    assert len(chemicals) == 12
    assert chemicals["co2_ktpa"].sum() == pytest.approx(11_733, abs=5)
    assert steel["co2_ktpa"].sum() == pytest.approx(3_246, abs=5)


def test_adjacent_plants_share_their_captive_units_and_stacks() -> None:
    # B is 1.1 km north of A, C 1.1 km north of B, D far away: A, B and C are one location because B has units too.
    plants = pd.DataFrame({"plant": list("ABCD"), "lat_deg": [38.0, 38.01, 38.02, 39.0], "lon_deg": 115.0})
    units = pd.Series({"A": 300.0, "B": 100.0, "D": 50.0})
    held = pd.Series({"A": 80.0, "C": 120.0, "D": 60.0})
    # 400 less 200 of the stacks: 200 in the proportion 3 to 1; D's stack already includes its unit.
    assert excess_ktpa(units, held, plants).to_dict() == pytest.approx({"A": 150.0, "B": 50.0, "D": 0.0})


@given(
    st.lists(st.tuples(st.floats(0, 5_000), st.floats(0, 5_000), st.integers(0, 8)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_excess_is_not_double_counted_and_does_not_depend_on_row_order(
    plants: list[tuple[float, float, int]], random: st.DataObject
) -> None:
    names = [f"P{k}" for k in range(len(plants))]
    table = pd.DataFrame({"plant": names, "lat_deg": [38 + 0.01 * each[2] for each in plants], "lon_deg": 115.0})
    units = pd.Series([each[0] for each in plants], names)
    held = pd.Series([each[1] for each in plants], names)
    found = excess_ktpa(units, held, table)
    assert (found >= 0).all()
    assert (found <= units + 1e-9).all()
    # Stacks and additions are at most the larger of units and stacks at each location, and so in total.
    assert found.sum() <= max(units.sum(), 0) + 1e-6
    assert found.sum() + held.sum() >= units.sum() - 1e-6
    order = list(range(len(names)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = excess_ktpa(units.iloc[order], held.iloc[order], table.iloc[order].reset_index(drop=True))
    assert again.to_dict() == pytest.approx(found.to_dict(), rel=1e-9, abs=1e-9)


def test_captive_units_key_adds_only_the_excess_to_the_problem(problem_of: Callable[..., object]) -> None:
    requested = {"plants": {"inventory": ["steel", "chemicals"], "provinces": ["Inner Mongolia", "Gansu"]}}
    without, with_units = problem_of(requested), problem_of(requested, {"plants.captive_units": True})
    more = with_units.plants["baseline_ktpa"] - without.plants["baseline_ktpa"]  # type: ignore[attr-defined]
    more = more.set_axis(with_units.plants["plant"])  # type: ignore[attr-defined]
    streams = with_units.streams  # type: ignore[attr-defined]
    added = streams[streams["stream"] == STREAM].set_index("plant")["co2_ktpa"]
    assert set(added.index) == {BAOTOU, JIUGANG, "MEOH_14"}
    assert more[more > 1e-9].to_dict() == pytest.approx(added.to_dict())
    kept = streams[streams["stream"] != STREAM].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without.streams)  # type: ignore[attr-defined]
    # Selecting fewer provinces does not change what a plant emits.
    alone = problem_of(requested, {"plants.provinces": ["Gansu"], "plants.captive_units": True})
    plants = alone.plants.set_index("plant")["baseline_ktpa"]  # type: ignore[attr-defined]
    together = with_units.plants.set_index("plant")["baseline_ktpa"]  # type: ignore[attr-defined]
    assert plants.to_dict() == pytest.approx(together[plants.index].to_dict())


def test_retired_captive_units_add_no_stream(inputs: Inputs) -> None:
    units = inputs["plants/captive_units"].assign(status="retired")
    idle = replace(inputs, tables=MappingProxyType({**inputs.tables, "plants/captive_units": units}))
    assert of_sector(idle, "chemicals")[0].empty

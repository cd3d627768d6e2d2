"""Streams of real plants by stack, by hand from the capacities of the tables and published factors."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.engineering.streams import chemical_streams, lasting_share_of_mill, steel_streams
from ccs_model.inputs import Inputs

Tonnes = dict[str, float]
StreamsOf = Callable[[str], pd.DataFrame]

# IEAGHG 2013/04, kg CO2 per t of hot-rolled coil.
STACKS = {
    "power_plant": 982,
    "hot_stoves": 415,
    "sinter_plant": 289,
    "coke_oven_underfiring": 191,
    "lime_kiln": 72,
    "bof_shop_and_flares": 71,
    "reheating_furnaces": 58,
    "other": 16,
}
# 210.51 Mt made in 2023 over 224.225 Mt/y of capacity; 1.85 t of CO2 per t of steel (Lu et al. 2012).
HEBEI, MILL = 0.9388, 1.85


@pytest.fixture
def streams_of(inputs: Inputs) -> StreamsOf:
    def make(plant: str) -> pd.DataFrame:
        for table, streams in (("plants/steel", steel_streams), ("plants/chemicals", chemical_streams)):
            row = inputs[table][inputs[table]["plant"] == plant]
            if len(row):
                return streams(row.reset_index(drop=True), inputs).set_index("stream")
        raise KeyError(plant)

    return make


def tonnes(streams: pd.DataFrame) -> Tonnes:
    return streams["co2_ktpa"].to_dict()


@pytest.mark.parametrize(("feedstock", "share"), [("natural_gas", 1.0), ("coal", 0.7)])
def test_ammonia_from_gas_has_only_a_pure_vent_and_from_coal_also_tail_gas(
    inputs: Inputs, feedstock: str, share: float
) -> None:
    table = inputs["plants/chemicals"]
    plants = table[(table["product"] == "ammonia") & (table["feedstock"] == feedstock)].assign(urea_share=0.0)
    found = chemical_streams(plants.reset_index(drop=True), inputs).groupby("stream")["co2_ktpa"].sum()
    process = found["product_vent"] + found.get("tail_gas", 0.0)
    assert len(plants) and found["product_vent"] / process == pytest.approx(share, rel=1e-9)
    assert ("tail_gas" in found) == (share < 1.0)


def test_stack_profiles_match_the_published_totals(inputs: Inputs) -> None:
    table = inputs["streams/mill_stacks"]
    ieaghg = table[table["profile"] == "ieaghg"].set_index("stream")["emission_kg_per_t"]
    assert ieaghg.to_dict() == STACKS
    assert sum(STACKS.values()) == 2094
    rich = table[table["profile"] == "sinter_rich"]["emission_kg_per_t"].sum()
    assert rich == pytest.approx(2150, abs=1)


def test_a_mill_without_coke_ovens_drops_that_stack_and_is_not_rescaled(streams_of: StreamsOf) -> None:
    # Chengde: 8,000 kt/y of oxygen-furnace steel, no coke ovens known.
    total_ktpa = 8_000 * HEBEI * MILL  # 13,894.24 kt/y
    found = tonnes(streams_of("P100000120105"))
    expected = {stack: total_ktpa * kg / 2094 for stack, kg in STACKS.items() if stack != "coke_oven_underfiring"}
    assert found == pytest.approx(expected)
    assert found["power_plant"] == pytest.approx(6_515.83, abs=0.01)
    assert sum(found.values()) == pytest.approx(13_894.24 * (2094 - 191) / 2094)


def test_a_mill_with_coke_ovens_has_every_stack_and_sums_to_its_steel_times_the_factor(streams_of: StreamsOf) -> None:
    # Tianjin Iron Plant, which is in Hebei: 4,870 kt/y, coke ovens present.
    found = tonnes(streams_of("P100000120280"))
    assert found.keys() == STACKS.keys()
    assert sum(found.values()) == pytest.approx(4_870 * HEBEI * MILL)
    assert found["coke_oven_underfiring"] == pytest.approx(4_870 * HEBEI * MILL * 191 / 2094)


def test_shanxi_mill_uses_the_utilisation_of_its_province(streams_of: StreamsOf) -> None:
    # Zhongyang: 3,600 kt/y, coke ovens present; Shanxi made 62.92 Mt over 62.83 Mt/y, capped at 1.
    assert sum(tonnes(streams_of("P100000120259")).values()) == pytest.approx(3_600 * 1.0 * MILL)


def test_a_works_with_iron_only_emits_per_tonne_of_iron(streams_of: StreamsOf) -> None:
    # Longfengshan Casting: 2,000 kt/y of blast-furnace iron, no steel listed.
    found = tonnes(streams_of("P100000120350"))
    assert sum(found.values()) == pytest.approx(2_000 * HEBEI * MILL * 1903 / 2094)


def test_electric_and_direct_reduction_are_one_stream_each_and_not_capturable(streams_of: StreamsOf) -> None:
    # Zhangxuan: 1,800 kt/y of electric steel from 1,110 kt/y of direct-reduced iron; IPCC defaults 0.08 and 0.7 t/t.
    found = streams_of("P100000120401")
    assert tonnes(found) == pytest.approx(
        {"electric_arc_furnace": 1_800 * HEBEI * 0.08, "direct_reduction": 1_110 * HEBEI * 0.7}
    )
    assert set(found["grade"]) == {"none"}


def test_mixed_works_sum_their_production_routes(streams_of: StreamsOf) -> None:
    # Jiujiang Wire: 4,229 kt/y oxygen-furnace, 1,500 kt/y electric steel; its 8,540 kt/y of iron is not counted twice.
    found = tonnes(streams_of("P100000120110"))
    assert found.pop("electric_arc_furnace") == pytest.approx(1_500 * HEBEI * 0.08)
    assert sum(found.values()) == pytest.approx(4_229 * HEBEI * MILL * 1903 / 2094)


def test_only_the_five_large_stacks_are_capturable(streams_of: StreamsOf) -> None:
    grades = streams_of("P100000120280")["grade"]
    assert set(grades[grades == "flue_gas"].index) == {
        "power_plant", "hot_stoves", "sinter_plant", "coke_oven_underfiring", "lime_kiln",
    }  # fmt: skip
    assert set(grades) == {"flue_gas", "none"}


def test_retiring_furnaces_reduce_the_lasting_share(streams_of: StreamsOf) -> None:
    # Donghua: 1,330 of 5,965 kt/y of iron is announced to retire.
    assert streams_of("P100000120108")["lasting_share"].unique() == pytest.approx([1 - 1_330 / 5_965])
    # Retiring furnaces still emit today: the streams are not reduced.
    total_ktpa = 4_600 * HEBEI * MILL * 1903 / 2094
    assert streams_of("P100000120108")["co2_ktpa"].sum() == pytest.approx(total_ktpa)


def test_works_that_retires_completely_has_a_lasting_share_of_zero(streams_of: StreamsOf, inputs: Inputs) -> None:
    # Yuhua: operating pre-retirement. Sanling: the same, but with electric furnaces only, so it has no iron capacity.
    assert set(streams_of("P100000120114")["lasting_share"]) == {0.0}
    assert set(streams_of("P100000120385")["lasting_share"]) == {0.0}
    steel = inputs["plants/steel"]
    retiring = (steel["status"] == "operating pre-retirement") & steel["province"].isin(["Hebei", "Shanxi"])
    assert retiring.sum() == 7
    assert (lasting_share_of_mill(steel)[retiring] == 0).all()


def test_oxygen_blown_ammonia_with_urea_matches_hand_calculation(streams_of: StreamsOf) -> None:
    # Jinshi, Hebei: 600 kt/y at 0.89 = 534 kt/y of ammonia, 3.1 t process CO2 and 0.7 t flue CO2 per tonne.
    output_ktpa = 600 * 0.89
    process, urea = output_ktpa * 3.1, output_ktpa * 0.52 * 1.296  # 1,655.40 and 359.87
    found = tonnes(streams_of("NH3_29"))
    assert found == pytest.approx(
        {"product_vent": 0.7 * process - urea, "tail_gas": 0.3 * process, "boiler_flue_gas": output_ktpa * 0.7}
    )
    assert found["product_vent"] == pytest.approx(798.907, abs=0.001)
    # Expected: 2.4 t of vent remain per tonne at the national urea share.
    assert (found["product_vent"] + found["tail_gas"]) / output_ktpa == pytest.approx(2.4, abs=0.05)


def test_fixed_bed_ammonia_with_urea_matches_hand_calculation(streams_of: StreamsOf) -> None:
    # Tianze: 1,100 kt/y at 0.89 = 979 kt/y; 2.2 t process CO2, 0.93 of it urea; boilers 0.7, blow gas 0.9.
    output_ktpa = 1_100 * 0.89
    process, urea = output_ktpa * 2.2, output_ktpa * 0.93 * 1.296  # 2,153.80 and 1,179.97
    found = streams_of("NH3_21")
    assert tonnes(found) == pytest.approx(
        {
            "product_vent": 0.7 * process - urea,
            "tail_gas": 0.3 * process,
            "boiler_flue_gas": output_ktpa * 0.7,
            "blow_gas": output_ktpa * 0.9,
        }
    )
    assert found.at["product_vent", "co2_ktpa"] == pytest.approx(327.691, abs=0.001)
    # Expected: 0.9 to 1.0 t of vent remain per tonne.
    assert 0.9 <= found.loc[["product_vent", "tail_gas"], "co2_ktpa"].sum() / output_ktpa <= 1.0
    assert found["grade"].to_dict() == {
        "product_vent": "product_grade", "tail_gas": "tail_gas", "boiler_flue_gas": "flue_gas", "blow_gas": "none",
    }  # fmt: skip


def test_urea_takes_product_grade_first_and_then_tail_gas(streams_of: StreamsOf) -> None:
    # Xuyang, coke-oven gas, 300 kt/y: process 253.65, of it 177.555 product grade; urea takes 179.937.
    output_ktpa = 300 * 0.89
    process, urea = output_ktpa * 0.95, output_ktpa * 0.52 * 1.296
    assert urea > 0.7 * process
    found = tonnes(streams_of("NH3_128"))
    assert found == pytest.approx({"tail_gas": process - urea, "boiler_flue_gas": output_ktpa * 0.3})
    assert found["tail_gas"] == pytest.approx(73.713, abs=0.001)


def test_urea_never_takes_more_than_the_process_gives(streams_of: StreamsOf) -> None:
    # Yongxin, coke-oven gas, 60 kt/y: urea could bind 64.4 kt/y, but the process gives 50.7.
    output_ktpa = 60 * 0.89
    assert output_ktpa * 0.93 * 1.296 > output_ktpa * 0.95
    assert tonnes(streams_of("NH3_133")) == pytest.approx({"boiler_flue_gas": output_ktpa * 0.3})


def test_methanol_from_coke_oven_gas_has_no_pure_vent(streams_of: StreamsOf) -> None:
    # Jiantao Lubao, 400 kt/y at 0.836: 0.6 t of CO2 per tonne, all of it flue gas.
    assert tonnes(streams_of("MEOH_68")) == pytest.approx({"boiler_flue_gas": 400 * 0.836 * 0.6})


def test_streams_of_methanol_from_coal_match_hand_calculation(streams_of: StreamsOf) -> None:
    # Guangfa, oxygen-blown, 600 kt/y at 0.836: process 1.95, boilers 1.05, total 3.0 t per tonne.
    output_ktpa = 600 * 0.836
    found = tonnes(streams_of("MEOH_48"))
    assert found == pytest.approx(
        {
            "product_vent": output_ktpa * 1.95 * 0.7,
            "tail_gas": output_ktpa * 1.95 * 0.3,
            "boiler_flue_gas": output_ktpa * 1.05,
        }
    )
    assert sum(found.values()) == pytest.approx(output_ktpa * 3.0)


def test_streams_sum_to_the_baseline_of_every_plant(problem_of: Callable[..., object]) -> None:
    problem = problem_of({"plants": {"provinces": ["Hebei", "Shanxi"]}})
    sums = problem.streams.groupby("plant")["co2_ktpa"].sum()  # type: ignore[attr-defined]
    plants = problem.plants.set_index("plant")  # type: ignore[attr-defined]
    assert len(plants) == 148
    assert plants["baseline_ktpa"].to_dict() == pytest.approx(sums.reindex(plants.index, fill_value=0.0).to_dict())
    # Steel by hand: Σ (oxygen 1.85, else iron 1.85) × utilisation, less coke stacks; here only its bounds.
    steel = plants[plants["sector"] == "steel"].groupby("province")["baseline_ktpa"].sum()
    assert 0.85 * 210_510 * 1.85 < steel["Hebei"] < 1.05 * 210_510 * 1.85
    assert 0.80 * 62_920 * 1.85 < steel["Shanxi"] < 1.05 * 62_920 * 1.85

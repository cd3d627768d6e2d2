"""Hot stoves by furnace: Donghua and Jingtang by hand, and conservation of emissions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.streams import STOVES, is_operating, retiring_stoves, steel_streams, stoves_by_furnace
from ccs_model.inputs import Inputs
from tests.examples import examples

DONGHUA, JINGTANG = "P100000120108", "P100000120106"
# Steel at Hebei's utilisation, 1.85 t of CO2 per tonne, of which the share of the stoves in IEAGHG's 2,094 kg.
STOVES_T_PER_T = 0.9388 * 1.85 * 415 / 2094


def works(inputs: Inputs, *plants: str) -> pd.DataFrame:
    table = inputs["plants/steel"]
    return table[table["plant"].isin(plants)].reset_index(drop=True)


def split(inputs: Inputs, *plants: str) -> pd.DataFrame:
    streams = stoves_by_furnace(steel_streams(works(inputs, *plants), inputs), inputs)
    return streams.set_index("stream")


def test_jingtang_has_three_stoves_of_equal_size(inputs: Inputs) -> None:
    # 13,700 kt/y of steel; three furnaces of 4,500 kt/y of iron each.
    found = split(inputs, JINGTANG)
    stoves = found[found.index.str.startswith(STOVES)]
    assert stoves.index.tolist() == [f"hot_stoves U10000014017{k}" for k in (3, 4, 5)]
    assert stoves["co2_ktpa"].tolist() == pytest.approx([13_700 * STOVES_T_PER_T / 3] * 3)
    assert set(stoves["lasting_share"]) == {1.0}
    assert set(stoves["grade"]) == {"flue_gas"}


def test_only_the_stoves_of_the_retiring_furnace_have_no_lasting_share(inputs: Inputs) -> None:
    # Donghua, 4,600 kt/y of steel: furnaces of 1,960, 1,589 and 1,086 continue, BF 3 of 1,330 retires.
    found = split(inputs, DONGHUA)
    stoves_ktpa = 4_600 * STOVES_T_PER_T
    iron = {"U100000140179": 1_960, "U100000140180": 1_330, "U100001027938": None, "U100000141453": 1_589}
    iron |= {"U100000141454": 1_086}
    for unit, ktpa in iron.items():
        if ktpa is None:  # under construction: no stream
            assert f"hot_stoves {unit}" not in found.index
            continue
        assert found.at[f"hot_stoves {unit}", "co2_ktpa"] == pytest.approx(stoves_ktpa * ktpa / 5_965)
        assert found.at[f"hot_stoves {unit}", "lasting_share"] == (0.0 if unit.endswith("180") else 1.0)
    # The lasting share of the other stacks is unchanged, 1 - 1,330 / 5,965.
    assert found.at["sinter_plant", "lasting_share"] == pytest.approx(1 - 1_330 / 5_965)
    message = retiring_stoves(works(inputs, DONGHUA, JINGTANG).set_index("plant", drop=False), inputs)
    assert message[DONGHUA].endswith("are not retrofitted: BF 3 (1,330 kt/y of iron)")
    assert message[JINGTANG] == ""


def test_small_furnaces_share_a_stream_with_an_iron_weighted_lasting_share(inputs: Inputs) -> None:
    streams = pd.DataFrame(
        {"plant": ["A"], "stream": [STOVES], "grade": ["flue_gas"], "co2_ktpa": [900.0], "co2_share": [0.246]}
    ).assign(lasting_share=1 - 400 / 3_000)
    units = pd.DataFrame(
        {
            "unit": ["U1", "U2", "U3"],
            "plant": "A",
            "kind": "BF",
            "name": "",
            "status": ["operating", "operating pre-retirement", "operating"],
            "capacity_ktpa": [2_000.0, 400.0, 600.0],
            "relining_year": np.nan,
        }
    )
    own_tables = replace(inputs, tables=MappingProxyType({**inputs.tables, "plants/steel_units": units}))
    found = stoves_by_furnace(streams, own_tables).set_index("stream")
    assert found["co2_ktpa"].to_dict() == pytest.approx({"hot_stoves U1": 600.0, "hot_stoves": 300.0})
    assert found["lasting_share"].to_dict() == pytest.approx({"hot_stoves U1": 1.0, "hot_stoves": 0.6})
    # A works whose own row has no retirement is not split.
    unsplit = stoves_by_furnace(streams.assign(lasting_share=1.0), own_tables)
    assert unsplit["stream"].tolist() == [STOVES]


def test_stoves_of_works_without_known_furnaces_are_not_split(inputs: Inputs) -> None:
    table = works(inputs, JINGTANG).assign(plant="MINE")
    streams = steel_streams(table, inputs)
    pd.testing.assert_frame_equal(stoves_by_furnace(streams, inputs), streams)


def test_splitting_stoves_conserves_emissions_and_lasting_emissions(inputs: Inputs) -> None:
    steel = inputs["plants/steel"]
    streams = steel_streams(steel[is_operating(steel)].reset_index(drop=True), inputs)
    found = stoves_by_furnace(streams, inputs)
    # 564 stove streams in place of 236; 90 of them are of small furnaces or of works that are not split.
    assert (streams["stream"] == STOVES).sum() == 236
    assert found["stream"].str.startswith(STOVES).sum() == 564
    assert (found["stream"] == STOVES).sum() == 90
    assert not found.duplicated(["plant", "stream"]).any()
    for frame_of in (lambda frame: frame["co2_ktpa"], lambda frame: frame["co2_ktpa"] * frame["lasting_share"]):
        before = frame_of(streams).groupby(streams["plant"]).sum()
        after = frame_of(found).groupby(found["plant"]).sum()
        assert after.to_dict() == pytest.approx(before.to_dict(), rel=1e-12, abs=1e-9)


@given(st.integers(0, 2**32 - 1))
@examples(12)
def test_stove_streams_do_not_depend_on_the_order_of_rows(inputs: Inputs, seed: int) -> None:
    rows = works(inputs, DONGHUA, JINGTANG, "P100000120219", "P100000120188")
    units = inputs["plants/steel_units"].sample(frac=1, random_state=seed).reset_index(drop=True)
    mixed = replace(inputs, tables=MappingProxyType({**inputs.tables, "plants/steel_units": units}))
    key = ["plant", "stream"]

    def streams_of(table: pd.DataFrame, tables: Inputs) -> pd.DataFrame:
        streams = stoves_by_furnace(steel_streams(table, tables), tables)
        return streams.sort_values(key).reset_index(drop=True)

    shuffled = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    pd.testing.assert_frame_equal(streams_of(shuffled, mixed), streams_of(rows, inputs), rtol=1e-12)


def test_furnace_streams_become_options_except_those_of_retiring_furnaces(problem_of: Callable[..., object]) -> None:
    requested = {"plants.inventory": ["steel"], "plants.provinces": ["Hebei"]}
    unsplit, split_up = problem_of(requested), problem_of(requested, {"plants.furnace_streams": True})
    for column in ("baseline_ktpa", "capturable_ktpa"):
        assert split_up.plants[column].tolist() == pytest.approx(unsplit.plants[column].tolist())  # type: ignore[attr-defined]
    options = split_up.options.set_index(["plant", "stream"]).index  # type: ignore[attr-defined]
    assert (DONGHUA, "hot_stoves U100000140179") in options
    assert (DONGHUA, "hot_stoves U100000140180") not in options
    notes = split_up.plants.set_index("plant")["note"]  # type: ignore[attr-defined]
    assert "BF 3 (1,330 kt/y of iron)" in notes[DONGHUA]
    assert "stoves" not in "".join(unsplit.plants["note"])  # type: ignore[attr-defined]

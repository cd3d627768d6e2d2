"""Flue gases that share one capture unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.capture_units import covered_rows, is_shared, shared_streams, streams_covered
from tests.examples import examples


def gases(**amounts: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"plant": "A", "stream": name, "grade": "flue_gas", "co2_ktpa": ktpa, "co2_share": x, "lasting_share": 1.0}
            for name, (ktpa, x) in amounts.items()
        ]
    )


def test_two_gases_mix_by_volume() -> None:
    # 100 of CO2 at 20 % is 500 of gas, 100 at 5 % is 2,000: 200 in 2,500 is 8 %.
    (mixed,) = shared_streams(gases(stoves=(100.0, 0.2), sinter=(100.0, 0.05))).itertuples()
    assert mixed.stream == "sinter+stoves"
    assert (mixed.co2_ktpa, mixed.lasting_share) == (200.0, 1.0)
    assert mixed.co2_share == pytest.approx(0.08)


def test_shared_units_combine_the_two_three_and_all_largest_streams() -> None:
    found = shared_streams(gases(a=(50.0, 0.2), b=(400.0, 0.2), c=(10.0, 0.2), d=(300.0, 0.2)))
    assert found["stream"].tolist() == ["b+d", "a+b+d", "a+b+c+d"]
    assert found["co2_ktpa"].tolist() == [700.0, 750.0, 760.0]
    three = shared_streams(gases(a=(1.0, 0.2), b=(2.0, 0.2), c=(3.0, 0.2)))
    assert three["stream"].tolist() == ["b+c", "a+b+c"]


def test_vents_single_gases_and_gases_of_unknown_concentration_are_not_shared() -> None:
    streams = gases(a=(50.0, 0.2), b=(400.0, 0.2), c=(10.0, np.nan))
    streams.loc[1, "grade"] = "product_grade"
    assert shared_streams(streams).empty


@given(st.lists(st.tuples(st.floats(1.0, 1e4), st.floats(0.02, 0.9)), min_size=2, max_size=6))
@examples(40)
def test_mixture_conserves_co2_and_has_an_intermediate_concentration(amounts: list[tuple[float, float]]) -> None:
    found = shared_streams(gases(**{f"s{k}": amount for k, amount in enumerate(amounts)}))
    for row in found.itertuples():
        members = [amounts[int(name[1:])] for name in streams_covered(row.stream)]
        assert row.co2_ktpa == pytest.approx(sum(ktpa for ktpa, _ in members))
        assert min(x for _, x in members) - 1e-9 <= row.co2_share <= max(x for _, x in members) + 1e-9


def test_covered_rows_list_each_stream_of_each_option() -> None:
    options = pd.DataFrame({"plant": ["A", "B"], "stream": ["x+y", "z"]})
    assert is_shared(options["stream"]).tolist() == [True, False]
    assert covered_rows(options).to_numpy().tolist() == [[0, "A", "x"], [0, "A", "y"], [1, "B", "z"]]

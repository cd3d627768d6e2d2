"""From bare erected cost to as-spent cost and back, against the ratios of NETL's accounts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.prices import (
    PARTS,
    build_up_shares,
    class_names,
    cost_range_mn,
    estimate_class,
    parts_from_bec,
    parts_from_toc,
)
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs

CLASSES = ["amine", "compression", "purification", "physical_solvent"]


@pytest.fixture(scope="module")
def shares(inputs: Inputs) -> pd.DataFrame:
    """The four classes in commercial use, an estimate of class 4."""
    return build_up_shares(
        inputs["costs/build_up"], inputs["costs/contingencies"], pd.Series(CLASSES, index=CLASSES), 9, 4
    )


# NETL: TPC ÷ BEC 1.58 for an amine system and 1.41 for compression, in a new plant.
@pytest.mark.parametrize(("technology_class", "ratio"), [("amine", 1.58), ("compression", 1.41)])
def test_total_plant_cost_over_bare_erected_cost_matches_netl(
    shares: pd.DataFrame, technology_class: str, ratio: float
) -> None:
    parts = parts_from_bec(100.0, shares).loc[technology_class]
    new_plant = (parts["tpc_mn"] - parts["retrofit_mn"]) / parts["bec_mn"]
    assert round(new_plant, 2) == ratio


def test_cost_components_of_an_amine_unit_match_hand_calculation(shares: pd.DataFrame) -> None:
    parts = parts_from_bec(100.0, shares).loc["amine"]
    assert parts["engineering_mn"] == pytest.approx(17.5)
    assert parts["epcc_mn"] == pytest.approx(117.5)
    assert parts["process_contingency_mn"] == pytest.approx(17.0)
    assert parts["project_contingency_mn"] == pytest.approx(23.5375)  # 17.5 % of 134.5
    assert parts["retrofit_mn"] == pytest.approx(0.05 * 158.0375)
    assert parts["tpc_mn"] == pytest.approx(165.939375)
    assert parts["toc_mn"] == pytest.approx(165.939375 * 1.215)
    assert parts["tasc_mn"] == pytest.approx(165.939375 * 1.215 * 1.054)


# NETL 2022, million USD of 2018: TOC 45.565 over TPC 37.356 (ammonia), 413.96 over 338.949 (cement).
@pytest.mark.parametrize(
    ("technology_class", "tpc", "toc"), [("compression", 37.356, 45.565), ("amine", 338.949, 413.96)]
)
def test_owners_cost_is_a_fifth_of_plant_cost(
    shares: pd.DataFrame, technology_class: str, tpc: float, toc: float
) -> None:
    parts = parts_from_bec(1.0, shares).loc[technology_class]
    assert 0.21 <= parts["owner_cost_mn"] / parts["tpc_mn"] <= 0.225
    assert parts["toc_mn"] / parts["tpc_mn"] == pytest.approx(toc / tpc, rel=0.01)


@pytest.mark.parametrize(("technology_class", "factor"), [("compression", 1.01), ("amine", 1.05)])
def test_the_retrofit_factor_multiplies_plant_cost(shares: pd.DataFrame, technology_class: str, factor: float) -> None:
    new = shares.assign(retrofit_factor=1.0)
    ratio = parts_from_bec(1.0, shares)["tpc_mn"] / parts_from_bec(1.0, new)["tpc_mn"]
    assert ratio[technology_class] == pytest.approx(factor)


@given(st.floats(0.001, 1e6))
def test_cost_components_sum_to_toc_and_convert_back_to_it(shares: pd.DataFrame, toc: float) -> None:
    parts = parts_from_toc(toc, shares)
    assert parts["toc_mn"].to_numpy() == pytest.approx(toc, rel=1e-12)
    assert parts[list(PARTS)].sum(axis=1).to_numpy() == pytest.approx(toc, rel=1e-12)
    assert (parts[list(PARTS)] >= 0).all(axis=None)
    forward = parts_from_bec(parts["bec_mn"].to_numpy(), shares)
    assert forward.to_numpy() == pytest.approx(parts.to_numpy(), rel=1e-12)


def test_contingencies_rise_with_lower_readiness_and_rougher_estimates(inputs: Inputs) -> None:
    tables = inputs["costs/build_up"], inputs["costs/contingencies"]
    classes = pd.Series(["amine"] * 4)
    found = build_up_shares(*tables, classes, [9, 7, 5, 9], [4, 4, 4, 5])
    # The amine system's own 17 % applies until the readiness level requires 20 %.
    assert found["process_contingency_share"].tolist() == [0.17, 0.20, 0.40, 0.17]
    assert found["project_contingency_share"].tolist() == [0.175, 0.175, 0.175, 0.30]


def test_missing_technology_class_or_readiness_level_is_reported(inputs: Inputs) -> None:
    tables = inputs["costs/build_up"], inputs["costs/contingencies"]
    with pytest.raises(InputError, match="no technology class membrane"):
        build_up_shares(*tables, pd.Series(["membrane"]), 9, 4)
    with pytest.raises(InputError, match="no process contingency at level 12"):
        build_up_shares(*tables, pd.Series(["amine"]), 12, 4)


def test_estimate_class_follows_readiness_and_quality_of_evidence() -> None:
    found = estimate_class([9, 9, 9, 9, 7, 6], ["measured", "reported", "estimated", "assumed", "measured", "measured"])
    assert found.tolist() == [3, 4, 4, 5, 4, 5]


def test_cost_range_follows_the_aace_class(inputs: Inputs) -> None:
    low, high = cost_range_mn([100.0, 100.0], [4, 5], inputs["costs/aace_classes"])
    assert low.tolist() == pytest.approx([70.0, 50.0])
    assert high.tolist() == pytest.approx([150.0, 200.0])
    assert np.all(low < high)
    assert class_names(4, inputs["costs/aace_classes"]) == ["class 4 (feasibility), −30 to +50 %"]
    assert class_names([5], inputs["costs/aace_classes"]) == ["class 5 (screening), −50 to +100 %"]
    wide = pd.DataFrame({"aace_class": [9.0], "meaning": ["idea"], "low_share": [-0.8], "high_share": [3.0]})
    assert class_names(9, wide) == ["class 9 (idea), −80 to +300 %"]

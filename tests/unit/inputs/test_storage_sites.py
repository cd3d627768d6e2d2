"""Sites under the sea, and what each site's capacity costs as it fills; a user's sites and steps laid over ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.inputs.geography import km_outside_province, province_outlines

SEVEN = {
    "Pearl River Mouth", "Beibu Gulf", "Yinggehai", "Qiongdongnan", "East China Sea Shelf", "South Yellow Sea",
    "Offshore Bohai",
}  # fmt: skip
SITE = "site,name,basin,province,lat_deg,lon_deg,kind,capacity_low_kt,capacity_mid_kt,capacity_high_kt,"
SITE += "well_injectivity_ktpa,n_wells_max,storage_cost_per_t,currency,price_year,reference,quality"
STEPS = "site,step,capacity_share,storage_cost_per_t,currency,price_year,reference,quality"


def site(name: str, cost: float) -> str:
    return f"{name},Mine,Mine,Hebei,38,115,saline,1000,2000,3000,37,10,{cost},CNY,2024,OWN,assumed"


def step(name: str, number: int, share: float, cost: float, money: str = "CNY,2024") -> str:
    return f"{name},{number},{share},{cost},{money},OWN,assumed"


@pytest.fixture
def lay(tmp_path: Path):
    """Writes CSV tables into the folder `my`."""

    def made(**tables: list[str]) -> None:
        for name, lines in tables.items():
            path = tmp_path / "my" / "storage" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return made


def issues(scenario) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario)
    return list(caught.value.issues)


def curve(inputs: Inputs, name: str) -> list[tuple[float, float]]:
    table = inputs["storage/site_costs"]
    return list(table.loc[table["site"] == name, ["capacity_share", "storage_cost_per_t"]].itertuples(False, None))


# Under the sea


@pytest.fixture(scope="module")
def offshore(inputs: Inputs) -> pd.DataFrame:
    sites = inputs["storage/sites"]
    return sites[sites["is_offshore"] == "yes"]


def test_each_basin_has_an_eighteenth_of_what_is_predicted(offshore: pd.DataFrame) -> None:
    # China Geological Survey, January 2023: 2.58 trillion t in 18 basins.
    theoretical = offshore.groupby("basin")["theoretical_capacity_kt"].sum().drop("Taixi") / 1e6
    assert set(theoretical.index) == SEVEN
    assert theoretical.to_numpy() == pytest.approx(143.333, abs=0.001)
    shares = offshore[offshore["basin"] != "Taixi"]
    for case, share in (("low", 0.01), ("mid", 0.024), ("high", 0.03)):
        ratio = shares[f"capacity_{case}_kt"] / shares["theoretical_capacity_kt"]
        assert ratio.to_numpy() == pytest.approx(share, rel=1e-5), case


def test_the_basin_off_fujian_has_its_own_figures(offshore: pd.DataFrame) -> None:
    # Xiamen University: 5.03 to 12.3 Gt effective, up to 62.2 theoretical.
    taixi = offshore[offshore["basin"] == "Taixi"].sum(numeric_only=True) / 1e6
    assert taixi["capacity_low_kt"] == pytest.approx(5.03)
    assert taixi["capacity_high_kt"] == pytest.approx(12.3)
    assert taixi["capacity_mid_kt"] == pytest.approx((5.03 * 12.3) ** 0.5, rel=1e-5)
    assert taixi["theoretical_capacity_kt"] == pytest.approx(62.2)


def test_they_lie_under_the_sea_and_face_the_coast(offshore: pd.DataFrame) -> None:
    lat, lon = offshore["lat_deg"], offshore["lon_deg"]
    for name in province_outlines():
        far = km_outside_province(pd.Series(name, index=offshore.index), lat, lon)
        if province_outlines()[name]:
            assert (far > 0).all(), name
    assert km_outside_province(offshore["province"], lat, lon).max() < 250
    assert set(offshore["quality"]) == {"assumed"}


def test_the_basins_of_the_pilot_scenarios_stay_on_land(inputs: Inputs) -> None:
    sites = inputs["storage/sites"]
    pilots = sites[sites["basin"].isin(["Ordos", "Bohai Bay", "Qinshui"])]
    assert set(pilots["is_offshore"]) == {"no"}
    assert sites["is_offshore"].value_counts().to_dict() == {"no": 74, "yes": 17}


def test_storing_at_sea_costs_twice_the_mean_of_the_steps_on_land(inputs: Inputs, offshore: pd.DataFrame) -> None:
    steps = inputs["storage/cost_steps"].query("kind == 'saline'")
    mean = np.average(steps["storage_cost_per_t"], weights=steps["capacity_kt"])
    assert mean == pytest.approx(3.294, abs=0.001)
    assert offshore["storage_cost_per_t"].to_numpy() == pytest.approx(2 * mean, abs=0.005)


def test_the_coast_has_a_site_in_reach(inputs: Inputs) -> None:
    # Zhanjiang, Fangchenggang, Fuzhou, Zhangzhou, Dongfang and Yantai: 490 to 770 km from a site on land, but Yantai.
    lat = np.array([21.06, 21.69, 25.96, 24.47, 19.07, 37.05])
    lon = np.array([110.49, 108.41, 119.45, 117.95, 108.64, 121.61])
    sites = inputs["storage/sites"]
    far = great_circle_km(lat[:, None], lon[:, None], sites["lat_deg"], sites["lon_deg"])
    assert (far[:, sites["is_offshore"] == "no"].min(axis=1) > 300).all()
    assert (far.min(axis=1) < 260).all()


# The cost curve of a site


def test_every_site_has_a_curve_that_sums_to_one(inputs: Inputs) -> None:
    curves = inputs["storage/site_costs"]
    assert set(curves["site"]) == set(inputs["storage/sites"]["site"])
    assert (curves.groupby("site")["capacity_share"].sum() - 1).abs().max() < 1e-6
    n_steps = curves.groupby("site").size()
    assert n_steps.max() == 5
    assert n_steps[["qaidam", "chuxiong"]].tolist() == [2, 3]  # no more steps are published there


def test_the_mean_of_a_curve_is_the_cost_of_the_site(inputs: Inputs) -> None:
    curves, sites = inputs["storage/site_costs"], inputs["storage/sites"].set_index("site")["storage_cost_per_t"]
    means = (curves["capacity_share"] * curves["storage_cost_per_t"]).groupby(curves["site"]).sum()
    assert (means - sites.reindex(means.index)).abs().max() < 0.0051  # sites.csv has two decimals


@pytest.mark.parametrize(
    ("name", "province"), [("huanghua", "Hebei"), ("qinshui", "Shanxi"), ("ordos_1", "Shaanxi"), ("gaoyou", "Jiangsu")]
)
def test_a_curve_is_the_steps_of_the_province_in_five(inputs: Inputs, name: str, province: str) -> None:
    steps = inputs["storage/cost_steps"].query("kind == 'saline' and province == @province")
    steps = steps.sort_values("storage_cost_per_t")
    filled = np.r_[0, steps["capacity_kt"].cumsum()]
    paid = np.r_[0, (steps["capacity_kt"] * steps["storage_cost_per_t"]).cumsum()]
    fifths = np.interp(np.linspace(0, filled[-1], 6), filled, paid)
    expected = np.diff(fifths) / (filled[-1] / 5)
    assert [share for share, _ in curve(inputs, name)] == [0.2] * 5
    assert [cost for _, cost in curve(inputs, name)] == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_site_of_ones_own_lies_on_land_and_costs_what_it_says(scenario, lay) -> None:
    lay(sites=[SITE, site("mine", 30)])
    loaded = load_inputs(scenario(data="my"))
    assert loaded["storage/sites"].set_index("site").at["mine", "is_offshore"] == "no"
    assert curve(loaded, "mine") == [(1, 30)]
    assert loaded.origins["storage/site_costs"] == "shipped + single costs of 1 site"
    assert len(curve(loaded, "qinshui")) == 5


def test_our_steps_do_not_outlive_our_site(scenario, lay, tmp_path) -> None:
    lay(sites=[SITE, site("qinshui", 30)])
    loaded = load_inputs(scenario(data="my"))
    assert curve(loaded, "qinshui") == [(1, 30)]
    assert len(curve(loaded, "huanghua")) == 5
    (tmp_path / "my" / "instead.txt").write_text("storage/sites\n", encoding="utf-8")
    assert load_inputs(scenario(data="my"))["storage/site_costs"]["site"].tolist() == ["qinshui"]


def test_steps_of_ones_own_take_the_place_of_all_of_ours(scenario, lay) -> None:
    lay(site_costs=[STEPS, step("qinshui", 1, 0.5, 20), step("qinshui", 2, 0.5, 40)])
    loaded = load_inputs(scenario(data="my"))
    assert curve(loaded, "qinshui") == [(0.5, 20), (0.5, 40)]
    assert len(curve(loaded, "huanghua")) == 5
    lay(sites=[SITE, site("qinshui", 30)])
    assert curve(load_inputs(scenario(data="my")), "qinshui") == [(0.5, 20), (0.5, 40)]


@pytest.mark.parametrize(
    ("steps", "where", "what"),
    [
        ([step("qinshui", 1, 0.5, 20), step("qinshui", 2, 0.4, 40)], "3:capacity_share", "sum to 0.9, expected 1"),
        (
            [step("qinshui", 1, 0.5, 40), step("qinshui", 2, 0.5, 20)],
            "3:storage_cost_per_t",
            "costs less than the step",
        ),
        ([step("qinshui", 1, 0.5, 20), step("qinshui", 3, 0.5, 40)], "2:step", "are numbered 1, 3"),
        ([step("qinshui", 1, 0.5, 20), step("qinshui", 2, 0.5, 9, "USD,2024")], "3:currency", "several currencies"),
        ([step("quinshui", 1, 1, 20)], "2:site", "'quinshui' is not in storage/sites.csv"),
    ],
)
def test_steps_that_make_no_curve(scenario, lay, steps: list[str], where: str, what: str) -> None:
    lay(site_costs=[STEPS, *steps])
    (issue,) = issues(scenario(data="my"))
    assert issue.where == f"my/storage/site_costs.csv:{where}"
    assert what in issue.what

"""Storage sites: offshore basins, rates and numbers of wells, costs of site and well, and own tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.inputs.geography import km_outside_province, province_outlines
from ccs_model.problem import Problem
from ccs_model.problem.build_problem import build_problem
from ccs_model.problem.storage_sites import STORAGE_MONEY, sites_of, stores_of
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import Language
from ccs_model.scenario import Scenario

SEVEN_BASINS = {
    "Pearl River Mouth", "Beibu Gulf", "Yinggehai", "Qiongdongnan", "East China Sea Shelf", "South Yellow Sea",
    "Offshore Bohai",
}  # fmt: skip
SITE = "site,name,basin,province,lat_deg,lon_deg,kind,capacity_low_kt,capacity_mid_kt,capacity_high_kt,"
SITE += "well_injectivity_ktpa,n_wells_max,storage_cost_per_t,currency,price_year,reference,quality"
STEPS = "site,step,capacity_share,storage_cost_per_t,currency,price_year,reference,quality"


def site(name: str, cost: float | str) -> str:
    return f"{name},Mine,Mine,Hebei,38,115,saline,1000,2000,3000,37,10,{cost},CNY,2024,OWN,assumed"


def step(name: str, number: int, share: float, cost: float, money: str = "CNY,2024") -> str:
    return f"{name},{number},{share},{cost},{money},OWN,assumed"


@pytest.fixture
def write_tables(tmp_path: Path):
    """Writes CSV tables into the folder `my`."""

    def write(**tables: list[str]) -> None:
        for name, lines in tables.items():
            path = tmp_path / "my" / "storage" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def issues(scenario) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario)
    return list(caught.value.issues)


@pytest.mark.parametrize(
    ("heading", "currency"), [("storage_cost_per_t [INR/t]", "CNY"), ("storage_cost_per_t", "INR")]
)
def test_range_of_amounts_is_that_of_the_currency_of_heading_or_scenario(
    write_tables, scenario, heading: str, currency: str
) -> None:
    # 1,500 rupees are about 130 yuan.
    write_tables(sites=[f"site,lat_deg,lon_deg,Capacity [Mt CO2],{heading}".replace("Capacity", "capacity_mid_kt"),
                        "mine,23.6,87.0,100,1500"])  # fmt: skip
    requested = scenario(data="my").with_changes({"currency": currency})
    found = load_inputs(requested)["storage/sites"].set_index("site").loc["mine"]
    assert (found["storage_cost_per_t"], found["currency"]) == (1_500, "INR")
    assert found["capacity_mid_kt"] == 100_000


# Offshore basins


@pytest.fixture(scope="module")
def offshore(inputs: Inputs) -> pd.DataFrame:
    sites = inputs["storage/sites"]
    return sites[sites["is_offshore"] == "yes"]


def test_each_offshore_basin_has_an_eighteenth_of_the_predicted_capacity(offshore: pd.DataFrame) -> None:
    # China Geological Survey, January 2023: 2.58 trillion t in 18 basins.
    theoretical = offshore.groupby("basin")["theoretical_capacity_kt"].sum().drop("Taixi") / 1e6
    assert set(theoretical.index) == SEVEN_BASINS
    assert theoretical.to_numpy() == pytest.approx(143.333, abs=0.001)
    shares = offshore[offshore["basin"] != "Taixi"]
    for case, share in (("low", 0.01), ("mid", 0.024), ("high", 0.03)):
        ratio = shares[f"capacity_{case}_kt"] / shares["theoretical_capacity_kt"]
        assert ratio.to_numpy() == pytest.approx(share, rel=1e-5), case


def test_taixi_basin_has_its_published_capacity(offshore: pd.DataFrame) -> None:
    # Xiamen University: 5.03 to 12.3 Gt effective, up to 62.2 theoretical.
    taixi = offshore[offshore["basin"] == "Taixi"].sum(numeric_only=True) / 1e6
    assert taixi["capacity_low_kt"] == pytest.approx(5.03)
    assert taixi["capacity_high_kt"] == pytest.approx(12.3)
    assert taixi["capacity_mid_kt"] == pytest.approx((5.03 * 12.3) ** 0.5, rel=1e-5)
    assert taixi["theoretical_capacity_kt"] == pytest.approx(62.2)


def test_offshore_sites_lie_outside_all_provinces_and_near_their_own(offshore: pd.DataFrame) -> None:
    lat, lon = offshore["lat_deg"], offshore["lon_deg"]
    for name in province_outlines():
        distance_km = km_outside_province(pd.Series(name, index=offshore.index), lat, lon)
        if province_outlines()[name]:
            assert (distance_km > 0).all(), name
    assert km_outside_province(offshore["province"], lat, lon).max() < 250
    assert set(offshore["quality"]) == {"assumed"}


def test_basins_of_the_pilot_scenarios_are_onshore(inputs: Inputs) -> None:
    sites = inputs["storage/sites"]
    pilots = sites[sites["basin"].isin(["Ordos", "Bohai Bay", "Qinshui"])]
    assert set(pilots["is_offshore"]) == {"no"}
    assert sites["is_offshore"].value_counts().to_dict() == {"no": 74, "yes": 17}


def test_coastal_cities_have_a_storage_site_within_reach(inputs: Inputs) -> None:
    # Zhanjiang, Fangchenggang, Fuzhou, Zhangzhou, Dongfang, Yantai: all but Yantai 490 to 770 km from an onshore site.
    lat = np.array([21.06, 21.69, 25.96, 24.47, 19.07, 37.05])
    lon = np.array([110.49, 108.41, 119.45, 117.95, 108.64, 121.61])
    sites = inputs["storage/sites"]
    distance_km = great_circle_km(lat[:, None], lon[:, None], sites["lat_deg"], sites["lon_deg"])
    assert (distance_km[:, sites["is_offshore"] == "no"].min(axis=1) > 300).all()
    assert (distance_km.min(axis=1) < 260).all()


# Wells and costs of a site

SEPARATE_COSTS = {
    "site_capex_mn", "well_capex_mn", "site_om_mn_pa", "well_om_mn_pa", "monitoring_mn_pa", "closure_mn",
    "post_injection_mn", "injection_cost_per_t",
}  # fmt: skip


@pytest.fixture(scope="module")
def sites(inputs: Inputs, small: Callable[..., Scenario]) -> pd.DataFrame:
    """The shipped sites in CNY of 2024, by id."""
    return sites_of(small({"storage.sites": []}), inputs, PriceLevel.of("CNY", 2024, inputs)).set_index("site")


@pytest.mark.parametrize(
    ("site", "rate_ktpa", "n_wells"),
    [
        ("jinxian_sag", 400, 117),  # capped; 751 pixels of 25 km2 over five sites, 50 wells per 1,600 km2
        ("qinshui", 100, 359),  # 460 pixels
        ("ordos_1", 100, 181),  # 5,578 pixels over 24 sites
        ("sichuan_west", 11.4, 1_535),
        ("dongpu", 400, 50),  # area unknown: one block of 40 km by 40 km
        ("chuxiong", 86, 50),  # rate unknown too
        ("huizhou_sag", 500, 1_570),
        ("sichuan_gas", 86, 50),
    ],
)
def test_well_rate_is_that_of_the_basin_up_to_a_cap_and_wells_follow_the_area(
    sites: pd.DataFrame, site: str, rate_ktpa: float, n_wells: int
) -> None:
    assert sites.at[site, "well_injectivity_ktpa"] == rate_ktpa
    assert sites.at[site, "n_wells_max"] == n_wells


def test_site_and_well_capex_do_not_depend_on_the_well_rate(sites: pd.DataFrame) -> None:
    onshore = sites[sites["reservoir_class"] == "saline_onshore"]
    assert onshore.loc[["jinxian_sag", "qinshui"], "well_injectivity_ktpa"].tolist() == [400, 100]
    # 28.3 million USD of 2008 and 8.3 million CNY of 2010.
    assert onshore["site_capex_mn"].to_numpy() == pytest.approx(28.3 * 118.8 / 83.53 * 7.1957)
    assert onshore["well_capex_mn"].to_numpy() == pytest.approx(8.3 * 105.04 / 78.67)
    offshore = sites[sites["reservoir_class"] == "saline_offshore"]
    for name in SEPARATE_COSTS - {"injection_cost_per_t"}:
        assert offshore[name].to_numpy() == pytest.approx(4 * onshore[name].iloc[0], rel=2e-3), name


def test_unit_cost_at_1_mtpa_is_about_twice_that_at_3_mtpa(sites: pd.DataFrame) -> None:
    # Smith 2021, 13 reservoirs: 16.47 USD/t at 1 Mt/y and 8.0 at 3.2 Mt/y, a ratio of 2.06.
    def per_t(site: str, flow_mt: float) -> float:
        row = sites.loc[site]
        wells = np.ceil(flow_mt * 1_000 / row["well_injectivity_ktpa"])
        capital = row["site_capex_mn"] + wells * row["well_capex_mn"]
        recovery = 0.08 / (1 - 1.08**-30)
        due = (row["closure_mn"] + row["post_injection_mn"]) * (recovery - 0.08)
        fixed = row["site_om_mn_pa"] + row["monitoring_mn_pa"] + wells * row["well_om_mn_pa"] + due
        return float((capital * recovery + fixed) / flow_mt + row["injection_cost_per_t"])

    assert per_t("qinshui", 1) / per_t("qinshui", 3) == pytest.approx(2.06, abs=0.15)
    assert per_t("jinxian_sag", 1) / per_t("jinxian_sag", 3) == pytest.approx(2.06, abs=0.7)
    # An et al. 2025, national mean 35 (21 to 60) CNY/t.
    for site in ("qinshui", "ordos_1"):
        assert 21 < per_t(site, 3) < 60


def test_site_without_costs_takes_those_of_its_class_and_an_all_in_cost_becomes_a_fee(scenario, write_tables) -> None:
    write_tables(sites=[SITE, site("mine", 30), site("bare", "").replace(",37,10,", ",,,")])
    requested = scenario(data="my")
    loaded = load_inputs(requested)
    found = sites_of(requested, loaded, PriceLevel.of("CNY", 2024, loaded)).set_index("site")
    assert found.at["mine", "is_offshore"] == False  # noqa: E712
    assert found.loc["mine", ["injection_cost_per_t", "site_capex_mn", "well_capex_mn"]].tolist() == [30, 0, 0]
    assert found.loc["mine", ["well_injectivity_ktpa", "n_wells_max"]].tolist() == [37, 10]
    assert found.loc["bare", ["well_injectivity_ktpa", "n_wells_max"]].tolist() == [86, 50]
    assert found.at["bare", "site_capex_mn"] == pytest.approx(found.at["qinshui", "site_capex_mn"])
    assert stores_of(found.reset_index(), loaded, PriceLevel.of("CNY", 2024, loaded)).query("site == 'mine'")[
        "variable_per_t"
    ].tolist() == [30]


def test_gas_field_costs_as_much_as_an_aquifer_onshore_and_offshore(scenario, write_tables) -> None:
    def field(name: str, kind: str, is_offshore: str) -> str:
        return site(name, "").replace("saline", kind) + f",{is_offshore}"

    kinds = [
        ("gas_field", "yes"),
        ("saline", "yes"),
        ("gas_field", "no"),
        ("saline", "no"),
        ("eor", "yes"),
        ("eor", "no"),
    ]
    write_tables(sites=[SITE + ",is_offshore", *(field(f"{kind} {place}", kind, place) for kind, place in kinds)])
    requested = scenario(data="my")
    loaded = load_inputs(requested)
    found = sites_of(requested, loaded, PriceLevel.of("CNY", 2024, loaded)).set_index("site")[list(STORAGE_MONEY)]
    for place in ("yes", "no"):
        assert found.loc[f"gas_field {place}"].tolist() == found.loc[f"saline {place}"].tolist()
    assert found.at["gas_field yes", "site_capex_mn"] == pytest.approx(4 * found.at["gas_field no", "site_capex_mn"])
    # The costs of an oil field do not depend on its location.
    assert found.loc["eor yes"].tolist() == found.loc["eor no"].tolist()


def test_own_cost_steps_replace_the_separate_costs_of_a_shipped_site(scenario, write_tables) -> None:
    write_tables(site_costs=[STEPS, step("qinshui", 1, 0.5, 20), step("qinshui", 2, 0.5, 40)])
    requested = scenario(data="my")
    loaded = load_inputs(requested)
    level = PriceLevel.of("CNY", 2024, loaded)
    found = sites_of(requested, loaded, level)
    qinshui = found.set_index("site").loc["qinshui"]
    assert qinshui[["site_capex_mn", "well_capex_mn", "injection_cost_per_t"]].tolist() == [0, 0, 30]
    steps = stores_of(found, loaded, level).query("site == 'qinshui'")
    assert steps["variable_per_t"].tolist() == [20, 40]


def test_own_pipelines_pay_the_mean_of_the_cost_steps_and_say_so(scenario, write_tables) -> None:
    write_tables(
        sites=[SITE, site("mine", 5)], site_costs=[STEPS, step("mine", 1, 0.05, 30), step("mine", 2, 0.95, 50)]
    )

    def problem_with(is_shared: bool) -> tuple[Problem, list[str]]:
        changes = {"transport.shared_trunklines": is_shared, "plants.provinces": ["Hebei"]}
        requested = scenario("chemicals", data="my").with_changes(changes)
        problem = build_problem(requested, load_inputs(requested))
        return problem, [text for text in unused_inputs(problem) if "a site's steps" in text]

    own, (notice,) = problem_with(False)
    # 5 % of the capacity at 30 and 95 % at 50 CNY/t, in place of the 5 CNY/t of the site's row.
    assert own.sites.set_index("site").at["mine", "injection_cost_per_t"] == pytest.approx(49)
    assert notice.startswith("my/storage/site_costs.csv:2:storage_cost_per_t: with own pipelines each tonne costs the ")
    assert "in CNY 2024/t: mine (49.0)" in notice
    assert Language("zh").sentence(notice) != notice
    assert not problem_with(True)[1]


@pytest.mark.parametrize(
    ("column", "value", "where", "what"),
    [
        ("site_capex_mn", "50", "2:storage_cost_per_t", "an all-in cost per tonne and separate costs (site_capex_mn)"),
        ("injection_cost_per_t", "5", "2:storage_cost_per_t", "separate costs (injection_cost_per_t), expected one"),
        ("well_injectivity_ktpa", "0", "2:well_injectivity_ktpa", "a well takes 0 kt/y, expected more than 0"),
    ],
)
def test_both_kinds_of_costs_or_a_zero_well_rate_are_reported(
    scenario, write_tables, column: str, value: str, where: str, what: str
) -> None:
    header, row = SITE, site("mine", 30)
    if column in header.split(","):
        row = row.replace(",37,", f",{value},")
    else:
        header, row = f"{header},{column}", f"{row},{value}"
    write_tables(sites=[header, row])
    (issue,) = issues(scenario(data="my"))
    assert issue.where == f"my/storage/sites.csv:{where}"
    assert what in issue.what


def test_cost_steps_of_a_site_with_separate_costs_are_reported(scenario, write_tables) -> None:
    write_tables(sites=[f"{SITE},well_capex_mn", f"{site('mine', '')},8"], site_costs=[STEPS, step("mine", 1, 1, 20)])
    (issue,) = issues(scenario(data="my"))
    assert issue.where == "my/storage/site_costs.csv:2:storage_cost_per_t"
    assert "move what is paid per tonne to injection_cost_per_t" in issue.hint


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
def test_invalid_cost_steps_are_reported(scenario, write_tables, steps: list[str], where: str, what: str) -> None:
    write_tables(site_costs=[STEPS, *steps])
    (issue,) = issues(scenario(data="my"))
    assert issue.where == f"my/storage/site_costs.csv:{where}"
    assert what in issue.what


# Oil fields


@pytest.mark.parametrize(
    ("settings", "per_bbl"),
    [
        ({}, 80 * 7.1957),  # the shipped price: 80 USD of 2024
        ({"oil_price_per_bbl": 60.0, "oil_price_currency": "CNY"}, 60),
        ({"oil_price_per_bbl": 60.0, "oil_price_currency": "USD"}, 60 * 7.1957),
        # USD of 2015 are first adjusted with the USD price index.
        ({"oil_price_per_bbl": 60.0, "oil_price_currency": "USD", "oil_price_year": 2015}, 60 * 118.8 / 92.36 * 7.1957),
        ({"oil_price_per_bbl": 0.0}, 0),
    ],
)
def test_oil_field_pays_a_fifth_of_the_value_of_its_additional_oil(
    inputs: Inputs,
    with_tables: Callable[..., Inputs],
    small: Callable[..., Scenario],
    settings: dict[str, float],
    per_bbl: float,
) -> None:
    sites = inputs["storage/sites"].assign(additional_t_oil_per_t=np.nan, eor_revenue_per_t=np.nan)
    sites.loc[0, ["additional_t_oil_per_t", "kind"]] = [0.25, "eor"]
    # A field with its own revenue per tonne keeps it.
    sites.loc[1, ["additional_t_oil_per_t", "eor_revenue_per_t", "kind"]] = [0.25, 9.0, "eor"]
    sites["currency"], sites["price_year"] = sites["currency"].where(sites.index != 1, "CNY"), 2024
    tables = with_tables({"storage/sites": sites})
    level = PriceLevel.of("CNY", 2024, tables)
    requested = small({f"storage.{key}": value for key, value in settings.items()})
    found = sites_of(requested, tables, level).set_index("site")
    names = sites["site"]
    # 0.25 t of oil per t of CO2 and 7.33 barrels per t.
    assert found.at[names[0], "eor_revenue_per_t"] == pytest.approx(0.25 * 7.33 * 0.2 * per_bbl)
    assert found.at[names[1], "eor_revenue_per_t"] == pytest.approx(9)
    assert not found["eor_revenue_per_t"].drop(names[:2]).any()
    assert np.isinf(found["eor_max_ktpa"]).all() and found["additional_t_oil_per_t"].sum() == 0.5


def test_injection_limit_of_a_site_is_the_sum_of_its_wells(sites: pd.DataFrame) -> None:
    # Wells by area, 400 and 100 kt/y each; the life of a site is that of SimCCS.
    assert sites.at["jinxian_sag", "injection_max_ktpa"] == 117 * 400
    assert sites.at["qinshui", "injection_max_ktpa"] == 359 * 100
    assert (sites["life_yr"] == 30).all()

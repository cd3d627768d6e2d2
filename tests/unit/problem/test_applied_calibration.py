"""Quantiles and deployment ceilings from a user's calibration file, against arithmetic on the numbers of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.problem.applied_calibration import SCHEMA, AppliedFit, calibration_of, delivery_of, deployment_ceilings
from ccs_model.scenario import read_scenario

DELIVERED = {"p10": 0.5, "median": 0.8, "p90": 0.9}
PRODUCT = {"p10": 0.1, "median": 0.2, "p90": 0.95}


def make_preset(deployment: float = 0.3, **changes: Any) -> dict[str, Any]:
    parameters = {
        "delivered_share": {"posterior": DELIVERED},
        "deployment_share": {"posterior": {"median": deployment}},
    }
    zones = [{"zone": "Hebei", "reported_abatement_share": 0.15}]
    return {"parameters": parameters, "delivered_deployment_share": PRODUCT, "zones": zones} | changes


@pytest.fixture
def load_calibration(tmp_path: Path, inputs: Inputs) -> Callable[..., AppliedFit]:
    """Read the calibration of a scenario whose file holds these presets or this content."""

    def make(
        use: str = "median", presets: Mapping[str, Any] | None = None, content: str = "", preset: str = "pilot-reported"
    ) -> AppliedFit:
        document = {"schema": SCHEMA, "presets": {"pilot-reported": make_preset()} if presets is None else presets}
        (tmp_path / "mine.json").write_text(content or json.dumps(document), encoding="utf-8")
        calibration = f"{{use: {use}, file: mine.json, preset: {preset}, ceiling: true}}"
        text = f"name: Asked\nplants: {{provinces: [Hebei]}}\ncalibration: {calibration}\nbudget: {{total_mn: 5}}\n"
        (tmp_path / "asked.yaml").write_text(text, encoding="utf-8")
        found = calibration_of(read_scenario(tmp_path / "asked.yaml"), inputs)
        assert found is not None
        return found

    return make


@pytest.mark.parametrize(
    ("use", "delivered", "deployment"),
    [
        ("median", 0.8, 0.25),  # 0.2 / 0.8
        ("ensemble", 0.8, 0.25),
        ("p10", 0.5, 0.2),  # 0.1 / 0.5
        ("p90", 0.9, 1.0),  # 0.95 / 0.9 is more than 1
    ],
)
def test_deployment_share_is_the_product_quantile_over_the_delivered_share(
    load_calibration: Callable[..., AppliedFit], use: str, delivered: float, deployment: float
) -> None:
    found = load_calibration(use)
    assert (found.delivered_share, found.deployment_share) == pytest.approx((delivered, deployment))
    assert found.has_ceiling
    assert found.posterior("delivered_share") == DELIVERED


def test_reported_abatement_share_is_none_for_a_zone_without_one(load_calibration: Callable[..., AppliedFit]) -> None:
    found = load_calibration()
    assert (found.reported_abatement_share("Hebei"), found.reported_abatement_share("Shanxi")) == (0.15, None)


def test_reported_and_installed_presets_are_compared_with_each_other(
    load_calibration: Callable[..., AppliedFit],
) -> None:
    both = {"pilot-reported": make_preset(0.3), "pilot-installed": make_preset(0.1), "pilot-literal": make_preset(0.2)}
    for preset, beside in (
        ("pilot-reported", ("pilot-installed", 0.1)),
        ("pilot-literal", ("pilot-installed", 0.1)),
        ("pilot-installed", ("pilot-reported", 0.3)),
    ):
        assert load_calibration(presets=both, preset=preset).beside == beside
    # If the file lacks the other preset, the preset is compared with itself.
    assert load_calibration(presets={"pilot-reported": make_preset(0.3)}).beside == ("pilot-reported", 0.3)


@pytest.mark.parametrize(
    ("presets", "content", "what"),
    [
        ({"other": make_preset()}, "", "preset 'pilot-reported' is not in mine.json"),
        ({"pilot-reported": {}}, "", "mine.json does not hold a fit"),
        (
            {"pilot-reported": make_preset(parameters={"delivered_share": {"posterior": {"median": 1.01}}})},
            "",
            "a delivered share of 1.01 is not possible",
        ),
        (
            {"pilot-reported": make_preset(parameters={"delivered_share": {"posterior": {"median": -0.5}}})},
            "",
            "a delivered share of -0.5 is not possible",
        ),
        (
            {"pilot-reported": make_preset(parameters={"delivered_share": {"posterior": {"median": 0.0}}})},
            "",
            "mine.json does not hold a fit",
        ),
        (
            {"pilot-reported": make_preset(delivered_deployment_share={"median": 0.0})},
            "",
            "a deployment share of 0 is not possible",
        ),
        (None, "{", "mine.json is not JSON"),
        (None, "[]", "mine.json"),
        (None, '{"schema": "ccs-model/calibration/1"}', "mine.json"),
    ],
)
def test_invalid_calibration_file_is_reported_at_its_scenario_line(
    load_calibration: Callable[..., AppliedFit], presets: Mapping[str, Any] | None, content: str, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_calibration(presets=presets, content=content)
    (issue,) = caught.value.issues
    assert what in issue.what and issue.where.split("/")[-1].startswith("asked.yaml:3")


def test_delivered_share_of_one_is_accepted(load_calibration: Callable[..., AppliedFit]) -> None:
    preset = make_preset(parameters={"delivered_share": {"posterior": {"median": 1.0}}})
    assert load_calibration(presets={"pilot-reported": preset}).delivered_share == 1.0


# Deployment ceilings

# Nameplates of two streams of A and one of B in one zone; the shared unit of A captures both of its streams.
ROUTES = pd.DataFrame(
    [
        ("Hebei", "A", "sinter", 100.0),
        ("Hebei", "A", "sinter", 200.0),
        ("Hebei", "A", "stoves", 300.0),
        ("Hebei", "A", "sinter+stoves", 500.0),
        ("Hebei", "B", "sinter", 400.0),
        ("Shanxi", "C", "vent", 600.0),
        ("Shanxi", "C", "vent", 300.0),
    ],
    columns=["province", "plant", "stream", "nameplate_ktpa"],
)
PERIODS = pd.DataFrame({"year": [2026, 2031], "n_years": [5, 4]})


def make_calibration(deployment: float, ceiling: bool = True) -> AppliedFit:
    return AppliedFit("median", "mine", 0.8, deployment, ceiling, {}, ("mine", deployment))


def test_zone_ceiling_grows_with_elapsed_years_and_allows_the_smallest_retrofit() -> None:
    # Hebei can capture 200 + 300 + 400 = 900, Shanxi 600. Until 2030 five years pass, until 2034 nine: 0.4 and 0.72.
    assert deployment_ceilings(make_calibration(0.4), ROUTES, PERIODS, is_static=False) == pytest.approx(
        {("Hebei", 2026): 360, ("Hebei", 2031): 648, ("Shanxi", 2026): 300, ("Shanxi", 2031): 432}
    )  # 0.4 of Shanxi is 240, less than its smallest retrofit of 300.


def test_zone_ceiling_never_exceeds_the_capturable_emissions() -> None:
    # 0.8 × 9 ÷ 5 is more than 1.
    found = deployment_ceilings(make_calibration(0.8), ROUTES, PERIODS, is_static=False)
    assert (found["Hebei", 2026], found["Hebei", 2031]) == pytest.approx((720, 900))


def test_static_year_ceiling_equals_that_of_one_five_year_period() -> None:
    one = pd.DataFrame({"year": [2024], "n_years": [1]})
    assert deployment_ceilings(make_calibration(0.4), ROUTES, one, is_static=True)["Hebei", 2024] == pytest.approx(360)


def test_excluded_plants_count_towards_the_zone_ceiling() -> None:
    # Hebei without B builds 0.4 of the same 900; a zone of excluded plants alone has no ceiling.
    kept, excluded = ROUTES[ROUTES["plant"] == "A"], ROUTES[ROUTES["plant"] != "A"]
    found = deployment_ceilings(make_calibration(0.4), kept, PERIODS, is_static=False, excluded=excluded)
    assert found == pytest.approx({("Hebei", 2026): 360, ("Hebei", 2031): 648})


def test_no_zone_is_limited_without_a_ceiling_or_options() -> None:
    assert deployment_ceilings(None, ROUTES, PERIODS, is_static=False) == {}
    assert deployment_ceilings(make_calibration(0.4, ceiling=False), ROUTES, PERIODS, is_static=False) == {}
    assert deployment_ceilings(make_calibration(0.4), ROUTES.iloc[:0], PERIODS, is_static=False) == {}


# Shares by class

OPTIONS = pd.DataFrame(
    [
        ("A", "compression", "", "product_grade", "Hebei"),
        ("B", "amine", "", "flue_gas", "Hebei"),
        ("C", "amine", "", "flue_gas", "India"),
        ("D", "saving", "saving", "flue_gas", "Hebei"),
    ],
    columns=["plant", "technology", "measure", "grade", "province"],
)


def test_class_delivery_is_relative_to_the_largest_share(small: Callable[..., Any], inputs: Inputs) -> None:
    shares = {"calibration.delivered_share": {"vent": 0.9, "flue_gas": 0.6}}
    largest, relative = delivery_of(small(shares), inputs, None, OPTIONS)
    # 0.6 / 0.9; a measure alone captures nothing, so that no share applies to it.
    assert largest == 0.9
    assert relative.tolist() == pytest.approx([1, 2 / 3, 2 / 3, 1])


def test_shipped_shares_differ_by_country(small: Callable[..., Any], inputs: Inputs) -> None:
    table = inputs["pilots/delivered_shares"].set_index(["class", "region"])["median_share"]
    here, abroad = table["vent", "China"], table["vent", "other"]
    assert here != abroad
    vents = OPTIONS.assign(grade="product_grade")
    largest, relative = delivery_of(small({"calibration.delivered_by_class": True}), inputs, None, vents)
    assert (relative * largest).tolist()[:3] == pytest.approx([here, here, abroad])


def test_single_delivered_share_applies_to_all_options_without_classes(
    small: Callable[..., Any], inputs: Inputs
) -> None:
    for calibration, share in ((None, 1.0), (make_calibration(0.4), 0.8)):
        largest, relative = delivery_of(small(), inputs, calibration, OPTIONS)
        assert (largest, relative.tolist()) == (share, [1, 1, 1, 1])


def test_options_with_only_a_measure_need_no_delivered_share(small: Callable[..., Any], inputs: Inputs) -> None:
    shares = {"calibration.delivered_share": {"vent": 0.9}}
    largest, relative = delivery_of(small(shares), inputs, None, OPTIONS[3:])
    assert (largest, relative.tolist()) == (1.0, [1])

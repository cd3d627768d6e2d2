"""Calibration of a scenario: delivered share and deployment share from calibration.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.bounded_reading import parse_json
from ccs_model.engineering.capture_units import is_shared
from ccs_model.errors import FileError, InputError, Issue, schema_issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.csv_reader import path_of
from ccs_model.inputs.geography import are_in_china
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import HOME
from ccs_model.scenario.sections import SHIPPED_CALIBRATION, SHIPPED_PRESET, OwnTables, calibration_file
from ccs_model.scenario.yaml_document import contents
from ccs_model.units import join_first_names

SCHEMA = "ccs-model/calibration/2"
DELIVERED, DEPLOYMENT, BOTH = "delivered_share", "deployment_share", "delivered_deployment_share"
INSTALLED = "pilot-installed"
# Verdict on the report of a zone, from a fit that leaves the zone out.
CONSISTENT, OUTSIDE = "consistent", "outside its band"
# Classes of built projects by the grade of a stream; `given` are sources with a cost of their own.
CLASS_OF_GRADE = {"product_grade": "vent", "tail_gas": "vent", "flue_gas": "flue_gas", "given": "given"}
OTHER_COUNTRIES = "other"
# The deployment share refers to one five-year plan.
PLAN_YR = 5.0
_LARGEST_BYTES = 5_000_000
_STREAM_SIZES = ("province", "plant", "stream", "nameplate_ktpa")


@dataclass(frozen=True)
class AppliedFit:
    """A fit at the selected quantile. `fit` is the preset's record in calibration.json.

    `beside` is another preset with the median of its deployment share: the programme known to be installed, or the
    report where that is the preset of the scenario.
    """

    use: str
    preset: str
    delivered_share: float
    deployment_share: float
    has_ceiling: bool
    fit: Mapping[str, Any]
    beside: tuple[str, float]

    def posterior(self, name: str) -> Mapping[str, float]:
        """p10, median and p90 of a parameter."""
        found: Mapping[str, float] = self.fit["parameters"][name]["posterior"]
        return found

    @property
    def zones(self) -> Mapping[str, Mapping[str, Any]]:
        """Records of the fitted zones by name."""
        return {zone["zone"]: zone for zone in self.fit["zones"]}

    def reported_abatement_share(self, zone: str) -> float | None:
        """Return the reported abatement of a zone, or None."""
        record = self.zones.get(zone)
        return None if record is None else record["reported_abatement_share"]


def calibration_of(scenario: Scenario, inputs: Inputs) -> AppliedFit | None:
    """Return the calibration of the scenario, or None. Raises InputError or FileError for an invalid file."""
    path = calibration_file(scenario)
    if path is None:
        return None
    requested = scenario.calibration
    where = place_of(scenario, "calibration.file")
    if requested.file is not None:
        path = path_of(OwnTables.of(scenario), "calibration.file", requested.file, allow_outside=inputs.allow_outside)
    fits = _fits(path, requested.file or SHIPPED_CALIBRATION, where)
    if requested.preset not in fits:
        what = f"preset '{requested.preset}' is not in {requested.file or 'the shipped calibration'}"
        raise InputError([Issue(place_of(scenario, "calibration.preset"), what, f"one of {', '.join(sorted(fits))}")])
    fit = fits[requested.preset]
    quantile = "median" if requested.use == "ensemble" else requested.use
    try:
        delivered = float(fit["parameters"][DELIVERED]["posterior"][quantile])
        # Both parameters correlate, so the ceiling is the quantile of their product at the chosen delivered share.
        deployment = min(float(fit[BOTH][quantile]) / delivered, 1.0)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(
            [Issue(where, f"{requested.file or SHIPPED_CALIBRATION} does not hold a fit", _HINT)]
        ) from error
    for name, share in (("delivered", delivered), ("deployment", deployment)):
        if not 0.0 < share <= 1.0:
            raise InputError([Issue(where, f"a {name} share of {share:g} is not possible", _HINT)])
    return AppliedFit(
        requested.use,
        requested.preset,
        delivered,
        deployment,
        requested.ceiling,
        fit,
        _comparison_preset(fits, requested.preset),
    )


def delivery_of(
    scenario: Scenario, inputs: Inputs, calibrated: AppliedFit | None, options: pd.DataFrame
) -> tuple[float, pd.Series]:
    """Return the largest delivered share, and the share of each option relative to it.

    Without shares by class, one share holds for all options: that of the calibration, or 1. Raises InputError if the
    class of an option has no share.
    """
    requested = scenario.calibration
    shares, key = requested.delivered_share, "calibration.delivered_share"
    if not requested.is_by_class:
        return (1.0 if calibrated is None else calibrated.delivered_share), pd.Series(1.0, index=options.index)
    place = place_of(scenario, key if shares else "calibration.delivered_by_class")
    if shares and requested.delivered_by_class:
        what = "delivered shares are given twice, by class and of your own"
        raise InputError([Issue(place, what, "remove calibration.delivered_by_class")])
    captures = options["technology"] != options["measure"]
    classes = options["grade"].map(CLASS_OF_GRADE)
    share = classes.map(shares) if shares else _shipped_shares(inputs, requested.use, classes, options["province"])
    missing = captures & share.isna()
    if missing.any():
        hint = f"add it to {key}" if shares else f"give all shares in {key} instead"
        issues = []
        for name in sorted(set(classes[missing])):
            names = join_first_names(sorted(set(options.loc[missing & (classes == name), "plant"])), 3)
            issues.append(Issue(place, f"class {name} (plants {names}) has no delivered share", hint))
        raise InputError(issues)
    largest = float(share[captures].max()) if captures.any() else 1.0
    return largest, (share / largest).where(captures, 1.0)


def _shipped_shares(inputs: Inputs, use: str, classes: pd.Series, province: pd.Series) -> pd.Series:
    """Delivered share of built projects by class, of China or of other countries."""
    table = inputs["pilots/delivered_shares"].set_index(["class", "region"])
    column = {"p10": "low_share", "p90": "high_share"}.get(use, "median_share")
    region = pd.Series(np.where(are_in_china(province), HOME, OTHER_COUNTRIES), index=province.index)
    keys = pd.MultiIndex.from_arrays([classes, region])
    return pd.Series(table[column].reindex(keys).to_numpy(float), index=classes.index)


def _comparison_preset(fits: Mapping[str, Any], preset: str) -> tuple[str, float]:
    """The preset to compare with, and its median; that of a file without it is the preset itself."""
    other = SHIPPED_PRESET if preset == INSTALLED else INSTALLED
    name = other if other in fits else preset
    try:
        return name, float(fits[name]["parameters"][DEPLOYMENT]["posterior"]["median"])
    except (KeyError, TypeError, ValueError):
        return name, float("nan")


_HINT = "recreate it with `ccs-model calibrate -o`"


def _fits(path: Path, name: str, where: str) -> Mapping[str, Any]:
    raw = contents(path, largest_bytes=_LARGEST_BYTES, expected="a calibration.json", at=where, requested_at=where)
    try:
        document = parse_json(raw)
    except ValueError as error:
        raise InputError([Issue(where, f"{name} is not JSON: {error}", _HINT)]) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else None
        issue = schema_issue(name, found, SCHEMA, _HINT)
        raise InputError([Issue(where, f"{name} {issue.what}", issue.hint)])
    fits = document.get("presets")
    if not isinstance(fits, dict):
        raise FileError(f"{name}: holds no presets; {_HINT}")
    return fits


def deployment_ceilings(
    calibrated: AppliedFit | None,
    routes: pd.DataFrame,
    periods: pd.DataFrame,
    is_static: bool,
    excluded: pd.DataFrame | None = None,
) -> dict[tuple[str, int], float]:
    """Return the deployment ceiling, kt/y of nameplate built until the end of a period, by (zone, year).

    min(1, delta × years elapsed ÷ 5) × capturable, and at least the zone's smallest retrofit, so that small zones can
    build one. A static year stands for one five-year plan. `excluded` has the options of plants that the scenario
    excludes: they count in what the zone can capture, so that excluding a plant does not slow down the others.
    """
    if calibrated is None or not calibrated.has_ceiling or routes.empty:
        return {}
    # Shared units are excluded, so that each stream counts once.
    single = routes[~is_shared(routes["stream"])]
    smallest = single.groupby("province")["nameplate_ktpa"].min()
    if excluded is not None:
        single = pd.concat(
            [single[list(_STREAM_SIZES)], excluded.loc[~is_shared(excluded["stream"]), list(_STREAM_SIZES)]]
        )
    full = single.groupby(["province", "plant", "stream"])["nameplate_ktpa"].max()
    capturable = full.groupby(level=0).sum()
    elapsed = np.cumsum(periods["n_years"].to_numpy(float))
    if is_static:
        elapsed = np.full(len(periods), PLAN_YR)
    shares = np.minimum(1.0, calibrated.deployment_share * elapsed / PLAN_YR)
    return {
        (str(zone), int(year)): max(float(share * capturable[zone]), float(smallest[zone]))
        for zone in smallest.index
        for year, share in zip(periods["year"], shares, strict=True)
    }

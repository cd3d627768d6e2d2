"""Charts of a plan for notebooks, as Altair charts: map, cost curve, timeline and stakeholders.

They need the extra `report`. A chart can be changed with Altair's own methods before it is shown or saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccs_model.engineering.co2_transport import unwrap_deg
from ccs_model.errors import InputError, Issue, MissingExtraError
from ccs_model.plan.plan_json import records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.basemap import Projection, basemap_of
from ccs_model.units import label_of, unit_text

try:
    import altair as alt
except ImportError as error:
    raise MissingExtraError("plan.plot", "report", ["altair", "vl-convert-python"]) from error

WIDTH, HEIGHT = 560, 340
_CAPTURED, _AVOIDED, _SPENT = "#8fbbd9", "#1b5e8a", "#d98b2b"
_IN_PLAN, _OUT, _PIPE, _SITE, _LAND = "#1b7f5c", "#b8c2cb", "#1b7f5c", "#542788", "#f4f1ea"
# Part of the extent of the plants that is added on each side of the map, and the least margin.
_MARGIN_SHARE, _MARGIN_DEG = 0.08, 0.4


class RunPlots:
    """Charts of a stored run, or of a plan as its run would be read."""

    def __init__(self, run: StoredRun) -> None:
        self._run = run
        self._currency, self._price_year = str(run.document["currency"]), int(run.document["price_year"])

    def map(self) -> Any:
        """Return the map: plants by CO₂ captured, pipelines by flow, and the sites in use."""
        plants, sites = self._points("plant"), [row for row in self._points("site") if row["is_used"]]
        pipes = self._run.lines()
        box = _box([*plants, *sites])
        for row in plants:
            row["state"] = "retrofitted" if row["is_retrofitted"] else "not retrofitted"
        lines = alt.Chart(alt.Data(values=to_plain_values(pipes))).mark_geoshape(filled=False, stroke=_PIPE)
        # The corners fit the projection to the plan and not to the outlines, which are clipped.
        geometry = {"type": "MultiPoint", "coordinates": [[box[0], box[1]], [box[2], box[3]]]}
        fit = {"type": "Feature", "properties": {}, "geometry": geometry}
        projection = {"type": "mercator", "fit": fit, "size": [WIDTH, HEIGHT]}
        if box[2] > 180.0:  # the middle of the map turns to 0°, so that the cut lies on the other side of the earth
            projection["rotate"] = [-(box[0] + box[2]) / 2, 0]
        layers = [
            alt.Chart(alt.Data(values=_outlines(box))).mark_geoshape(fill=_LAND, stroke="#9aa5af", clip=True),
            lines.encode(
                strokeWidth=alt.StrokeWidth("properties.flow_ktpa:Q", title=self._title("flow_ktpa", "Flow")),
                tooltip=["properties.from_name:N", "properties.to_name:N", "properties.flow_ktpa:Q"],
            ),
            alt.Chart(alt.Data(values=to_plain_values(plants)))
            .mark_circle(opacity=0.8, stroke="white", strokeWidth=0.5, clip=True)
            .encode(
                longitude="lon:Q",
                latitude="lat:Q",
                size=alt.Size("captured_ktpa:Q", title=self._title("captured_ktpa"), scale=alt.Scale(range=[30, 700])),
                color=_colours("state", {"retrofitted": _IN_PLAN, "not retrofitted": _OUT}),
                tooltip=["name:N", "province:N", "sector:N", "captured_ktpa:Q", "avoided_ktpa:Q", "reason:N"],
            ),
            alt.Chart(alt.Data(values=to_plain_values(sites)))
            .mark_point(shape="triangle-up", filled=True, size=130, color=_SITE)
            .encode(longitude="lon:Q", latitude="lat:Q", tooltip=["name:N", "basin:N", "injected_ktpa:Q"]),
        ]
        chart = alt.layer(*layers).resolve_scale(size="independent", color="independent")
        return chart.properties(projection=projection, width=WIDTH, height=HEIGHT, title=self._name)

    def macc(self) -> Any:
        """Return the marginal abatement cost curve: a bar is as wide as the abatement and as high as its cost."""
        table = self._run.tables["macc"]
        ends, width = table["cumulative_avoided_at_full_load_ktpa"], table["avoided_at_full_load_ktpa"]
        in_plan = table["in_plan"].map({True: "in the plan", False: "not in the plan"})
        rows = records(table.assign(start_ktpa=ends - width, zero=0.0, state=in_plan))
        cost = "avoidance_cost_at_full_load_per_t"
        # A cost far above the others, of a plant that avoids little, would flatten the curve.
        top = float(table[cost].quantile(0.95)) * 1.25 if len(table) else 1.0
        return (
            alt.Chart(alt.Data(values=to_plain_values(rows)))
            .mark_rect(clip=True)
            .encode(
                x=alt.X("start_ktpa:Q", title=self._title("avoided_ktpa", "Cumulative abatement at full load")),
                x2="cumulative_avoided_at_full_load_ktpa:Q",
                y=alt.Y(f"{cost}:Q", title=self._title(cost, "Avoidance cost"), scale=alt.Scale(domainMax=top)),
                y2="zero:Q",
                color=_colours("state", {"in the plan": _IN_PLAN, "not in the plan": _OUT}),
                tooltip=["name:N", "stream:N", "technology:N", f"{cost}:Q", "avoided_at_full_load_ktpa:Q"],
            )
            .properties(width=WIDTH, height=HEIGHT, title=self._name)
        )

    def timeline(self) -> Any:
        """Return captured and avoided tonnes, and spending, by period."""
        by_year = self._run.document["by_year"]
        kinds = {"captured_ktpa": "captured", "avoided_ktpa": "avoided"}
        tonnes = [
            {"period": str(row["year"]), "kind": kind, "value": row[name]}
            for row in by_year
            for name, kind in kinds.items()
        ]
        spent = [{"period": str(row["year"]), "value": row["spending_mn"]} for row in by_year]
        period = alt.X("period:N", title="Period from", axis=alt.Axis(labelAngle=0))
        above = (
            alt.Chart(alt.Data(values=to_plain_values(tonnes)))
            .mark_bar()
            .encode(
                x=period,
                xOffset=alt.XOffset("kind:N", sort=list(kinds.values())),
                y=alt.Y("value:Q", title=self._title("captured_ktpa", "CO2")),
                color=_colours("kind", {"captured": _CAPTURED, "avoided": _AVOIDED}),
                tooltip=["period:N", "kind:N", "value:Q"],
            )
        )
        below = (
            alt.Chart(alt.Data(values=to_plain_values(spent)))
            .mark_bar(color=_SPENT)
            .encode(x=period, y=alt.Y("value:Q", title=self._title("spending_mn", "Spending")), tooltip=["value:Q"])
        )
        half = HEIGHT // 2
        parts = (each.properties(width=WIDTH, height=half) for each in (above, below))
        return alt.vconcat(*parts).properties(title=self._name)

    def stakeholders(self) -> Any:
        """Return benefits and costs by stakeholder. Raises InputError for a representative year, which has none."""
        table = self._run.tables.get("stakeholders")
        if table is None:
            raise InputError([Issue("years", "a representative year has no accounts by stakeholder")])
        kinds = {"benefits_mn": "benefits", "costs_mn": "costs"}
        rows = [
            {"stakeholder": row["stakeholder"], "kind": kind, "value": (-1 if name == "costs_mn" else 1) * row[name]}
            for row in records(table)
            for name, kind in kinds.items()
        ]
        order = list(table["stakeholder"])
        bars = (
            alt.Chart(alt.Data(values=to_plain_values(rows)))
            .mark_bar()
            .encode(
                x=alt.X("value:Q", title=self._title("npv_mn", "Present value")),
                y=alt.Y("stakeholder:N", title=None, sort=order),
                color=_colours("kind", {"benefits": _AVOIDED, "costs": _SPENT}),
                tooltip=["stakeholder:N", "kind:N", "value:Q"],
            )
        )
        net = (
            alt.Chart(alt.Data(values=to_plain_values(records(table[["stakeholder", "npv_mn"]]))))
            .mark_tick(color="black", thickness=2)
            .encode(x="npv_mn:Q", y=alt.Y("stakeholder:N", sort=order), tooltip=["stakeholder:N", "npv_mn:Q"])
        )
        return alt.layer(bars, net).properties(width=WIDTH, height=HEIGHT // 2, title=self._name)

    @property
    def _name(self) -> str:
        return str(self._run.document["scenario"])

    def _title(self, column: str, label: str = "") -> str:
        return f"{label or label_of(column)} ({unit_text(column, self._currency, self._price_year)})"

    def _points(self, kind: str) -> list[dict[str, Any]]:
        """Return the features of a kind as rows with their longitude and latitude."""
        return [
            {**each["properties"], "lon": each["geometry"]["coordinates"][0], "lat": each["geometry"]["coordinates"][1]}
            for each in self._run.features(kind)
        ]


def _colours(field: str, colours: Mapping[str, str]) -> Any:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))


def _box(points: Sequence[Mapping[str, Any]]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the points, with a margin; east may exceed 180°."""
    lons = unwrap_deg([float(each["lon"]) for each in points] or [0.0]).tolist()
    lats = [float(each["lat"]) for each in points] or [0.0]
    east, north = (max(_MARGIN_DEG, _MARGIN_SHARE * (max(values) - min(values))) for values in (lons, lats))
    return min(lons) - east, min(lats) - north, max(lons) + east, max(lats) + north


def _outlines(box: tuple[float, float, float, float]) -> list[dict[str, Any]]:
    """Return the shipped outlines of countries and Chinese provinces that may be seen around a box."""
    features = []
    for each in basemap_of(None).visible_part(Projection(box)).outlines:
        # Vega expects closed outer rings in clockwise order. The smallest countries are points.
        turned = [[*ring] if _area(ring) < 0 else [*ring[::-1]] for ring in each.rings if len(ring) > 2]
        rings = [ring if ring[0] == ring[-1] else [*ring, ring[0]] for ring in turned]
        geometry = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
        features.append({"type": "Feature", "properties": {"name": each.name}, "geometry": geometry})
    return features


def _area(ring: Sequence[Sequence[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))

"""Streams: the CO₂ that leaves a plant, stack by stack, before any capture.

Each function takes a plant table and returns one row a stream:

    plant, stream, grade, co2_ktpa, co2_share, lasting_share

`grade` says what can be done with it: flue_gas, product_grade, tail_gas, or none (not capturable).
`lasting_share` is the part whose furnaces are not announced to retire; only that part is offered a retrofit.
The streams of a plant sum to its baseline, which is direct emissions; CO₂ bound in urea is in neither.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.inputs import Inputs

COLUMNS = ("plant", "stream", "grade", "co2_ktpa", "co2_share", "lasting_share")
OPERATING = ("operating", "operating pre-retirement")
DEFAULT_PROFILE = "ieaghg"


def is_operating(plants: pd.DataFrame) -> pd.Series:
    """Operating works, those announced to retire included: they emit and count in the baseline."""
    return plants["status"].isin(OPERATING)


def utilisation_share(plants: pd.DataFrame, product: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Output over capacity of each plant's province and product; the row for `all` where the province has none."""
    known = {(row.province, row.product): row.utilisation_share for row in table.sort_values("year").itertuples()}
    return pd.Series(
        [
            known.get((province, made), known.get(("all", made), np.nan))
            for province, made in zip(plants["province"], product, strict=True)
        ],
        index=plants.index,
        dtype=float,
    )


def steel_streams(plants: pd.DataFrame, inputs: Inputs, profile: str = DEFAULT_PROFILE) -> pd.DataFrame:
    """Streams of steel works.

    A mill emits a fixed t per t of oxygen-furnace steel (of blast-furnace iron where no oxygen furnace is listed),
    split over its stacks by the profile; a mill without coke ovens drops that stack and is not rescaled.
    Electric furnaces and direct reduction each are one stream that is not capturable.
    """
    stacks = inputs["streams/mill_stacks"]
    stacks = stacks[stacks["profile"] == profile]
    share = stacks["emission_kg_per_t"] / stacks["emission_kg_per_t"].sum()
    utilisation = utilisation_share(plants, pd.Series("crude_steel", plants.index), inputs["streams/utilisation"])
    capacity = {name: plants[name].fillna(0.0) for name in plants.columns if name.endswith("_ktpa")}
    bof, iron = capacity["bof_steel_ktpa"], capacity["bf_iron_ktpa"]
    mill_ktpa = utilisation * np.where(
        bof > 0, bof * inputs.factor("bof_steel_t_per_t"), iron * inputs.factor("bf_iron_t_per_t")
    )
    lasting = lasting_share_of_mill(plants)
    parts = []
    for stack, stack_share in zip(stacks.itertuples(), share, strict=True):
        has_it = (plants["coke_ovens"] == "present") | (stack.needs_coke_ovens == "no")
        parts.append(
            _rows(
                plants,
                stack.stream,
                "flue_gas" if stack.is_capturable == "yes" else "none",
                mill_ktpa * stack_share * has_it,
                stack.co2_share,
                lasting,
            )
        )
    for stream, column, factor in (
        ("electric_arc_furnace", "eaf_steel_ktpa", "eaf_steel_t_per_t"),
        ("direct_reduction", "dri_iron_ktpa", "dri_iron_t_per_t"),
    ):
        co2_ktpa = utilisation * capacity[column] * inputs.factor(factor)
        parts.append(_rows(plants, stream, "none", co2_ktpa, np.nan, lasting))
    return _stacked(parts)


def lasting_share_of_mill(plants: pd.DataFrame) -> pd.Series:
    """1 less the share of blast-furnace iron announced to retire; 0 for a works that retires as a whole."""
    iron = plants["bf_iron_ktpa"].fillna(0.0)
    retiring = plants["retiring_bf_iron_ktpa"].fillna(0.0)
    share = 1.0 - np.where(iron > 0, retiring / iron.where(iron > 0, 1.0), 0.0)
    return pd.Series(np.where(plants["status"] == "operating pre-retirement", 0.0, share), index=plants.index)


def chemical_streams(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Streams of ammonia and methanol plants.

    Process CO₂ leaves an acid-gas wash as product grade and tail gas. Urea takes product grade first, then tail gas;
    what it takes leaves with the product and is in no stream.
    """
    routes = inputs["streams/chemical_routes"]
    key = ["product", "feedstock", "gasifier"]
    made = plants[key].merge(routes, on=key, how="left", validate="many_to_one").set_axis(plants.index)
    output = plants["capacity_ktpa"] * utilisation_share(plants, plants["product"], inputs["streams/utilisation"])
    process = output * made["process_t_per_t"]
    urea_takes = np.minimum(output * plants["urea_share"].fillna(0.0) * inputs.factor("urea_co2_t_per_t"), process)
    product_grade = process * inputs.factor("product_grade_share")
    tail_gas = process - product_grade
    from_product = np.minimum(urea_takes, product_grade)
    amounts = {
        "product_vent": product_grade - from_product,
        "tail_gas": tail_gas - (urea_takes - from_product),
        "boiler_flue_gas": output * made["flue_t_per_t"],
        "blow_gas": output * made["other_t_per_t"],
    }
    grades = inputs["streams/chemical_grades"].set_index("stream")
    lasting = (plants["status"] == "operating").astype(float)
    return _stacked(
        [
            _rows(plants, stream, grades.at[stream, "grade"], co2_ktpa, grades.at[stream, "co2_share"], lasting)
            for stream, co2_ktpa in amounts.items()
        ]
    )


def _rows(
    plants: pd.DataFrame, stream: str, grade: str, co2_ktpa: pd.Series, co2_share: float, lasting: pd.Series
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "plant": plants["plant"],
            "stream": stream,
            "grade": grade,
            "co2_ktpa": co2_ktpa.astype(float),
            "co2_share": float(co2_share),
            "lasting_share": lasting,
        }
    )


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All streams that carry anything, plant by plant in the order of the stacks."""
    streams = pd.concat(parts, ignore_index=True)
    streams = streams[streams["co2_ktpa"] > 1e-9]
    return streams.sort_values("plant", kind="stable").reset_index(drop=True)


def given_streams(plants: pd.DataFrame) -> pd.DataFrame:
    """The one stream of plants whose capture costs are given outright."""
    return pd.DataFrame(
        {
            "plant": plants["plant"],
            "stream": "all",
            "grade": "given",
            "co2_ktpa": plants["co2_ktpa"],
            "co2_share": np.nan,
            "lasting_share": 1.0,
        },
        columns=list(COLUMNS),
    )

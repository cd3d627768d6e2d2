"""Capital cost from bare equipment to total as-spent cost, and back, so that one number shows its parts.

    BEC    bare erected cost: equipment, materials, labour
    EPCC   BEC × (1 + engineering)
    TPC    (EPCC + process contingency × BEC) × (1 + project contingency) × retrofit factor
    TOC    TPC × (1 + owner's cost)               overnight; what every plan counts
    TASC   TOC × (escalation and interest during construction)

Method: NETL's cost accounts and Rubin et al. 2013. TASC is for levelised costs alone: a cash flow has its interest
elsewhere, and counting both would pay it twice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.errors import Fault, InputError

Floats = npt.NDArray[np.float64]

# The parts, in the order in which they add up; sums stand between them.
PARTS = (
    "bec_mn", "engineering_mn", "process_contingency_mn", "project_contingency_mn", "retrofit_mn", "owner_cost_mn",
)  # fmt: skip
SUMS = ("epcc_mn", "tpc_mn", "toc_mn", "tasc_mn")
SHARES = (
    "engineering_share", "process_contingency_share", "project_contingency_share", "owner_cost_share",
    "retrofit_factor", "tasc_factor",
)  # fmt: skip
# Commercial use, and use at full scale without a record, bound how good an estimate can be.
_LEAST_CLASS_OF_QUALITY: Mapping[str, int] = {"measured": 3, "reported": 4, "estimated": 4, "assumed": 5}
_COMMERCIAL, _DEMONSTRATED = 8, 7


def build_up_shares(
    build_up: pd.DataFrame,
    contingencies: pd.DataFrame,
    technology_class: pd.Series,
    readiness_level: npt.ArrayLike,
    aace_class: npt.ArrayLike,
) -> pd.DataFrame:
    """The SHARES of each row, from costs/build_up and costs/contingencies. Index as `technology_class`.

    A class has the contingencies of its commercial form at an estimate of class 4; a lower readiness or a rougher
    estimate raises them to the general ladder, never lowers them. Faults: a class, level or estimate not in the tables.
    """
    known = build_up.set_index("technology_class")
    unknown = sorted(set(technology_class) - set(known.index))
    if unknown:
        raise InputError([Fault("costs/build_up.csv", f"no technology class {', '.join(unknown)}")])
    shares = known.loc[technology_class, list(SHARES)].set_axis(technology_class.index)
    process = _ladder(contingencies, "process", readiness_level, len(shares))
    project = _ladder(contingencies, "project", aace_class, len(shares))
    return shares.assign(
        process_contingency_share=np.maximum(shares["process_contingency_share"], process),
        project_contingency_share=np.maximum(shares["project_contingency_share"], project),
    )


def parts_from_bec(bec_mn: npt.ArrayLike, shares: pd.DataFrame) -> pd.DataFrame:
    """Every part and sum, in million (or any unit of `bec_mn`), one row a cost; `shares` has a row for each."""
    bec = np.broadcast_to(np.asarray(bec_mn, dtype=float), len(shares))
    table = pd.DataFrame({"bec_mn": bec}, index=shares.index)
    table["engineering_mn"] = bec * shares["engineering_share"]
    table["epcc_mn"] = table["bec_mn"] + table["engineering_mn"]
    table["process_contingency_mn"] = bec * shares["process_contingency_share"]
    before = table["epcc_mn"] + table["process_contingency_mn"]
    table["project_contingency_mn"] = before * shares["project_contingency_share"]
    plain_tpc = before + table["project_contingency_mn"]
    table["retrofit_mn"] = plain_tpc * (shares["retrofit_factor"] - 1.0)
    table["tpc_mn"] = plain_tpc + table["retrofit_mn"]
    table["owner_cost_mn"] = table["tpc_mn"] * shares["owner_cost_share"]
    table["toc_mn"] = table["tpc_mn"] + table["owner_cost_mn"]
    table["construction_mn"] = table["toc_mn"] * (shares["tasc_factor"] - 1.0)
    table["tasc_mn"] = table["toc_mn"] + table["construction_mn"]
    return table


def parts_from_toc(toc_mn: npt.ArrayLike, shares: pd.DataFrame) -> pd.DataFrame:
    """The same from a total overnight cost: which bare cost it stands for, and what was put on top."""
    toc_per_bec = parts_from_bec(1.0, shares)["toc_mn"].to_numpy()
    return parts_from_bec(np.asarray(toc_mn, dtype=float) / toc_per_bec, shares)


def construction_factor(spend_shares: npt.ArrayLike, escalation_share: float, interest_share: float) -> float:
    """TASC ÷ TOC of a plant built over len(spend_shares) years, each year's money spent at its start.

    Σ_k s_k (1 + e)^k (1 + i)^(n − k); with real money e is escalation beyond inflation. Σ s must be 1.
    """
    spent = np.asarray(spend_shares, dtype=float)
    if not np.isclose(spent.sum(), 1.0, atol=1e-9):
        raise ValueError(f"spend shares sum to {spent.sum():g}, expected 1")
    year = np.arange(len(spent))
    return float((spent * (1.0 + escalation_share) ** year * (1.0 + interest_share) ** (len(spent) - year)).sum())


def estimate_class(readiness_level: npt.ArrayLike, quality: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The AACE class a cost deserves: 3 measured, 4 reported or estimated, 5 assumed.

    What is only demonstrated (readiness 7) is at best class 4, what is less ready class 5.
    """
    level = np.asarray(readiness_level, dtype=float)
    by_quality = np.array([_LEAST_CLASS_OF_QUALITY[each] for each in np.atleast_1d(np.asarray(quality, dtype=object))])
    by_readiness = np.where(level >= _COMMERCIAL, 3, np.where(level >= _DEMONSTRATED, 4, 5))
    return np.maximum(by_quality, by_readiness).astype(np.int64)


def cost_range_mn(cost_mn: npt.ArrayLike, aace_class: npt.ArrayLike, classes: pd.DataFrame) -> tuple[Floats, Floats]:
    """Low and high of a cost by the accuracy of its class (costs/aace_classes)."""
    known = classes.set_index("aace_class")
    rows = known.loc[np.atleast_1d(np.asarray(aace_class, dtype=float))]
    cost = np.asarray(cost_mn, dtype=float)
    return cost * (1.0 + rows["low_share"].to_numpy()), cost * (1.0 + rows["high_share"].to_numpy())


def class_names(aace_class: npt.ArrayLike, classes: pd.DataFrame) -> list[str]:
    """In words, one a cost: `class 4 (feasibility), −30 to +50 %`."""
    known = classes.set_index("aace_class")
    return [
        f"class {each:.0f} ({row['meaning']}), −{-100 * row['low_share']:.0f} to +{100 * row['high_share']:.0f} %"
        for each, row in ((each, known.loc[each]) for each in np.atleast_1d(np.asarray(aace_class, dtype=float)))
    ]


def _ladder(contingencies: pd.DataFrame, kind: str, level: npt.ArrayLike, n: int) -> Floats:
    known = contingencies[contingencies["contingency"] == kind].set_index("level")["contingency_share"]
    asked = np.broadcast_to(np.asarray(level, dtype=float), n)
    missing = sorted(set(asked) - set(known.index))
    if missing:
        named = ", ".join(f"{each:g}" for each in missing)
        raise InputError([Fault("costs/contingencies.csv", f"no {kind} contingency at level {named}")])
    return known.loc[asked].to_numpy(dtype=float)

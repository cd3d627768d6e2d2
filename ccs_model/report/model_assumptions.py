"""What this version of the model assumes, beyond single numbers: statement, why, and what happens if it is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Assumption:
    """One assumption of the model."""

    statement: str
    why: str
    effect_if_wrong: str


MODEL_ASSUMPTIONS = (
    Assumption(
        "A retrofit delivers all of its nameplate: the delivery share is 1.",
        "No pilot has been used to calibrate it yet; sheet Calibration comes in a later version.",
        "Captured and avoided tonnes fall in proportion, and every cost per tonne rises by the inverse.",
    ),
    Assumption(
        "Each retrofit lays its own pipe to its site; there are no shared trunk lines.",
        "Shared lines are not in this version of the programme.",
        "Pipes of neighbouring plants are dearer than they need be, so fewer plants are fitted for the same budget.",
    ),
    Assumption(
        "Storage is paid per tonne at a levelised cost, wells and monitoring within, and is no part of the budget.",
        "The published figures are levelised; the capex of a site is not known.",
        "If sites had to be paid from the budget, fewer retrofits would fit in it.",
    ),
    Assumption(
        "All steam for capture comes from a coal boiler built for it.",
        "Waste heat and steam from power plants are particular to each works and are not in the inventories.",
        "With spare heat, amine capture costs less and avoids more; with gas it avoids more and costs more.",
    ),
    Assumption(
        "Avoided tonnes earn nothing: no carbon price, no subsidy, no tax.",
        "China's emissions trading credits captured CO2 nowhere yet.",
        "The choice of plants for a budget stays; net present value, which is the cost alone here, would rise.",
    ),
    Assumption(
        "How many wells a site holds and what each takes is assumed, not tested.",
        "No well tests are published for most sites.",
        "A site that takes less sends plants to further sites; where the limit binds, fewer plants are fitted.",
    ),
    Assumption(
        "A steel works whose coke ovens are unknown has none.",
        "The tracker does not say, and a stack that is not there must not be captured.",
        "Baselines stay, since they follow from steel made; CO2 is then split over fewer stacks than there are.",
    ),
    Assumption(
        "Plants run as today, at the utilisation of their product, until their announced closing year.",
        "No forecast of output by plant is published.",
        "A plant that runs less captures less at the same capex; one that closes early strands its retrofit.",
    ),
    Assumption(
        "Prices of power and fuel and the CO2 of the grid stay at their last known value.",
        "Only past values are in the tables; a path would be a forecast.",
        "A cleaner grid raises avoided tonnes per tonne captured; dearer power raises the cost of every retrofit.",
    ),
)

"""What this version of the model assumes, beyond single numbers: statement, why, and what happens if it is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ccs_model.engineering.heat import COAL_BOILER
from ccs_model.problem import Problem


@dataclass(frozen=True)
class Assumption:
    """One assumption of the model."""

    statement: str
    why: str
    effect_if_wrong: str


_COAL_STEAM = Assumption(
    "All steam for capture comes from a coal boiler built for it.",
    "Waste heat and steam from power plants are particular to each works and are not in the inventories.",
    "With spare heat, amine capture costs less and avoids more; with gas it avoids more and costs more.",
)
_HEAT_BY_CHOICE = Assumption(
    "Each unit takes all its heat from one of the scenario's sources; what a mill wastes is an assumed amount a tonne.",
    "The scenario names the sources (capture.heat_sources); no inventory tells the heat that a works wastes.",
    "More spare heat, or units that mix sources, make capture cheaper and let it avoid more.",
)
_ALWAYS = (
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
_AS_DESIGNED = Assumption(
    "A retrofit delivers all of its nameplate: the delivery share is 1.",
    "The scenario asks for no calibration (calibration.use: none).",
    "Captured and avoided tonnes fall in proportion, and every cost per tonne rises by the inverse.",
)
_AS_FITTED = Assumption(
    "Every retrofit delivers the same share of its nameplate, as built projects did; sheet Calibration gives it.",
    "The track record is of few projects of other kinds, and the pilot zones' report hardly informs it.",
    "A technology that delivers more or less moves its tonnes in proportion; capital stays.",
)
_NOTHING_PAID = Assumption(
    "Avoided tonnes earn nothing: no carbon price, no subsidy, no tax.",
    "The scenario names no payment for tonnes (policy.paid_per_captured_t, paid_per_avoided_t are 0).",
    "The choice of plants for a budget stays; net present value, which is the cost alone here, would rise.",
)
_PAID = Assumption(
    "A policy pays for every tonne what the scenario says, the same in every year.",
    "No path of a price was asked for.",
    "A price that rises later favours later retrofits; one that falls strands early ones.",
)
_OWN_PIPES = (
    Assumption(
        "Each retrofit lays its own pipe to its site; there are no shared trunk lines.",
        "The scenario asks for it (transport.shared_trunklines is false).",
        "Pipes of neighbouring plants are dearer than they need be, so fewer plants are fitted for the same budget.",
    ),
    Assumption(
        "Storage is paid per tonne at a levelised cost, wells and monitoring within, and is no part of the budget.",
        "The published figures are levelised; the capex of a site is not known.",
        "If sites had to be paid from the budget, fewer retrofits would fit in it.",
    ),
)
_CLASSES = Assumption(
    "What a pipe costs is the envelope of the published size classes: a class may be laid for less than its smallest "
    "flow at the price of that flow, and beyond it each kt/y costs the same.",
    "The classes are published as a price per t/h and metre each, with steps where one class ends.",
    "A flow near a step would cost more or less by the size of the step; what is laid elsewhere hardly changes.",
)
_TRENDS = Assumption(
    "What a pipe costs follows the linear trends that the data folder gives: a cost per km and one per km and kt/y.",
    "Table transport/trends takes the place of the shipped size classes.",
    "A flow far from the points a trend was fitted to costs more or less than it says.",
)
_NETWORK = (
    Assumption(
        "Pipelines follow candidate links: neighbours among plants, sites and hubs, each plant's straight way to its "
        "nearest site, and links of the planner's own.",
        "Every pair of places would be more links than any solver can weigh; ways round over a third place are "
        "hardly longer.",
        "A trunk line along another way could be cheaper; give it in transport/links.",
    ),
    Assumption(
        "A link is as long as the straight distance times the scenario's detour, over flat land unless "
        "transport/terrain or the link itself says otherwise; offshore links cost a multiple.",
        "No route was surveyed; rights of way, rivers and towns are not in the tables.",
        "A longer or harder way makes its pipe dearer in proportion, and may turn the choice to another site.",
    ),
    Assumption(
        "Capacity is shared without friction: whoever lays a pipe lets all others use it, and CO2 that meets mixes.",
        "Who owns pipes, and at what tariff, is for the parties to agree; sheet Transport gives two splits of cost.",
        "Plants that cannot agree lay pipes of their own, which cost more in sum.",
    ),
    Assumption(
        "What retrofits still deliver after the horizon flows on over the network as it then stands, and its room "
        "in the sites is kept.",
        "A retrofit outlives the horizon; CO2 that nothing could carry or take would make the plan false.",
        "If units close with the horizon, pipes and room are kept that nobody needs.",
    ),
)
_CORRIDORS = Assumption(
    "A whole plan is sought and proven within corridors, a part of the candidate links; over all of them only a wider "
    "bound is proven.",
    "Staged whole plans over every candidate link are beyond what a solver proves in the time asked for.",
    "A plan outside the corridors could be better, by no more than the wider bound says.",
)
_TRUCKS = Assumption(
    "A place with plants may send a little by road to its nearest site ashore, liquefied, in electric trucks that are "
    "paid by the tonne and need no capital from the budget.",
    "Hauliers invest and charge; how much a fleet can carry from a place is assumed (transport/trucks).",
    "If trucks had to be bought from the budget, or roads carry less, fewer small plants are fitted first.",
)
_STORAGE = (
    Assumption(
        "Sites and wells are capital within the budget. Where a table gives one all-in cost per tonne it is split into "
        "capital of the site, capital of wells and their upkeep by the shares of storage/factors.",
        "The published figures are levelised; the shares are those of a set of sites that gives both.",
        "If more of it is capital, fewer retrofits fit in the budget; the cost over the horizon stays about the same.",
    ),
    Assumption(
        "Wells are drilled one by one as they are needed and take the same every year; no injection test, no failure.",
        "Wells are cheap beside what they serve, and injectivity of single wells is not published.",
        "Wells that tire need others drilled after them: more capital for the same tonnes.",
    ),
)
_STATIC = Assumption(
    "One representative year is looked at: everything runs, capital counts as a yearly share, and a site gives each "
    "year an equal part of its capacity over the storage life.",
    "The scenario asks for it (years: static).",
    "When things are built, and what prices do meanwhile, is not seen.",
)


def model_assumptions(problem: Problem) -> tuple[Assumption, ...]:
    """What holds for this problem: those of the way CO2 travels and is stored first."""
    policy = problem.scenario.policy
    is_paid = policy.paid_per_captured_t > 0 or policy.paid_per_avoided_t > 0
    found = list(_OWN_PIPES)
    if problem.network is not None:
        cost = _TRENDS if len(problem.inputs["transport/trends"]) else _CLASSES
        found = [cost, *_NETWORK[:3], *(() if problem.is_static else _NETWORK[3:])]
        if problem.is_whole and problem.scenario.transport.corridors != "all":
            found.append(_CORRIDORS)
        if (problem.network.links["kind"] == "truck").any():
            found.append(_TRUCKS)
        found += _STORAGE
    delivery = _AS_DESIGNED if problem.calibrated is None else _AS_FITTED
    heat = _COAL_STEAM if problem.scenario.capture.heat_sources == (COAL_BOILER,) else _HEAT_BY_CHOICE
    always = (delivery, heat, *_ALWAYS)
    return (*found, *((_STATIC,) if problem.is_static else ()), *always, _PAID if is_paid else _NOTHING_PAID)

"""OPT: evaluation of the retrofit options of a large inventory, copied from the plants of China under new ids."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import pandas as pd

from bench.measurement import Figure, apart
from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import load_inputs
from ccs_model.problem import build_problem
from ccs_model.problem.options import options_of
from ccs_model.scenario import Scenario

# Waste heat is assigned by plant id, which the copies do not have.
HEAT = ["coal_boiler", "gas_boiler", "heat_pump"]
CHOICES: Mapping[str, Mapping[str, object]] = {
    "default": {},
    "three heat sources and shared absorbers": {"capture.heat_sources": HEAT, "capture.shared_absorbers": True},
}


def cpu_s(changes: Mapping[str, object], n_plants: int) -> tuple[float, int]:
    """CPU seconds of options_of for at least `n_plants` plants, and the number of their options."""
    own_pipes = {"name": "options", "plants": {}, "budget": {"total_mn": 1}, "transport": {"shared_trunklines": False}}
    scenario = Scenario.from_dict(own_pipes).with_changes(changes)
    inputs = load_inputs()
    problem = build_problem(scenario, inputs)
    plants = problem.plants[problem.plants["is_candidate"]]
    streams = problem.streams[problem.streams["plant"].isin(plants["plant"])]
    copies = range(-(-n_plants // len(plants)))
    many, theirs = ([each.assign(plant=each["plant"] + f"_{k}") for k in copies] for each in (plants, streams))
    level = PriceLevel(
        scenario.currency, scenario.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    candidates, all_streams = pd.concat(many, ignore_index=True), pd.concat(theirs, ignore_index=True)
    started = time.process_time()
    options = options_of(scenario, inputs, level, all_streams, candidates)
    return time.process_time() - started, len(options)


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """CPU seconds for the options of 10,000 plants, median of five runs."""
    n_plants, n_runs = (1_000, 1) if quick else (10_000, 5)
    for name, changes in CHOICES.items():
        runs: Sequence[tuple[float, int]] = [apart(cpu_s, changes, n_plants) for _ in range(n_runs)]
        seconds = [each for each, _ in runs]
        what = f"options of {n_plants:,} plants, {name}: CPU"
        yield Figure("OPT", what, "s", median(seconds), 5.0, {"options": float(runs[0][1])}, {"ours_s": seconds})

"""OPT: evaluation of the retrofit options of a large inventory, made of copies of the Chinese plants with new ids."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import pandas as pd

from bench.measurement import Figure, run_in_process
from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import load_inputs
from ccs_model.problem import build_problem
from ccs_model.problem.options import options_of
from ccs_model.scenario import Scenario

# Waste heat is excluded: it is assigned by plant id, and the copies have other ids.
HEAT_SOURCES = ["coal_boiler", "gas_boiler", "heat_pump"]
CAPTURE_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "default": {},
    "three heat sources and shared absorbers": {"capture.heat_sources": HEAT_SOURCES, "capture.shared_absorbers": True},
}


def measure_options(changes: Mapping[str, object], n_plants: int) -> tuple[float, int]:
    """Return the CPU seconds of `options_of` for at least `n_plants` plants, and the number of options."""
    own_pipes = {"name": "options", "plants": {}, "budget": {"total_mn": 1}, "transport": {"shared_trunklines": False}}
    scenario = Scenario.from_dict(own_pipes).with_changes(changes)
    inputs = load_inputs()
    problem = build_problem(scenario, inputs)
    plants = problem.plants[problem.plants["is_candidate"]]
    streams = problem.streams[problem.streams["plant"].isin(plants["plant"])]
    copies = range(-(-n_plants // len(plants)))
    plant_copies, stream_copies = (
        [each.assign(plant=each["plant"] + f"_{k}") for k in copies] for each in (plants, streams)
    )
    price_level = PriceLevel(
        scenario.currency, scenario.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    all_plants, all_streams = pd.concat(plant_copies, ignore_index=True), pd.concat(stream_copies, ignore_index=True)
    started = time.process_time()
    options = options_of(scenario, inputs, price_level, all_streams, all_plants)
    return time.process_time() - started, len(options)


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield OPT: CPU seconds to evaluate the options of 10,000 plants, median of five runs."""
    n_plants, n_runs = (1_000, 1) if quick else (10_000, 5)
    for name, changes in CAPTURE_SETTINGS.items():
        runs: Sequence[tuple[float, int]] = [run_in_process(measure_options, changes, n_plants) for _ in range(n_runs)]
        cpu_s = [each for each, _ in runs]
        label = f"options of {n_plants:,} plants, {name}, CPU"
        yield Figure("OPT", label, "s", median(cpu_s), 5.0, {"n_options": float(runs[0][1])}, {"package_s": cpu_s})

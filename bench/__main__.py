"""`python -m bench [B1 B8 …] [--json] [--quick]` from the root of the project."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping

from bench import (
    budget_sweep,
    command_line,
    large_models,
    monte_carlo,
    network,
    network_library,
    retrofit_options,
    workbooks,
)
from bench.measurement import Figure, as_json, as_table

BENCHES: Mapping[str, Callable[..., Iterable[Figure]]] = {
    "B1": large_models.handing_over,
    "B2": large_models.chain,
    "B3": large_models.sifting,
    "B4": large_models.many,
    "B5": budget_sweep.figures,
    "B6": monte_carlo.futures,
    "B7": large_models.whole,
    "B8": network.figures,
    "B9": workbooks.figures,
    "B10": command_line.figures,
    "B11": monte_carlo.processes,
    "B12": network_library.figures,
    "OPT": retrofit_options.figures,
}


def main() -> int:
    """Run the selected benchmarks in the order of the table, or all of them."""
    there = ", ".join(BENCHES)
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures how fast the package is, beside its peers: a row a figure.",
        epilog="Exit codes: 0 measured, whether goals are met or not; 2 usage.",
    )
    parser.add_argument("ids", metavar="ID", nargs="*", help=f"what to measure: {there}; all of it when left out")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="one order and one seed, to try it; no figures to quote")
    requested = parser.parse_args()
    unknown = [each for each in requested.ids if each not in BENCHES]
    if unknown:
        parser.error(f"no {', '.join(unknown)}; there is {there}")
    found = [
        figure
        for each, measure in BENCHES.items()
        if each in requested.ids or not requested.ids
        for figure in measure(quick=requested.quick)
    ]
    sys.stdout.write((as_json(found) if requested.json else as_table(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench [B1 B8 …] [--json] [--quick]`: run the benchmarks from the project root."""

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

BENCHMARKS: Mapping[str, Callable[..., Iterable[Figure]]] = {
    "B1": large_models.handover_figures,
    "B2": large_models.solve_figures,
    "B3": large_models.sifting_figures,
    "B4": large_models.largest_lp_figures,
    "B5": budget_sweep.figures,
    "B6": monte_carlo.scenario_figures,
    "B7": large_models.milp_figures,
    "B8": network.figures,
    "B9": workbooks.figures,
    "B10": command_line.figures,
    "B11": monte_carlo.process_figures,
    "B12": network_library.figures,
    "OPT": retrofit_options.figures,
}


def main() -> int:
    """Run the selected benchmarks in the order of the table, or all of them."""
    known_ids = ", ".join(BENCHMARKS)
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure run times, gaps and memory against peer solvers. Prints one row per figure.",
        epilog="Exit codes: 0 measured, whether or not the goals are met; 2 usage error.",
    )
    parser.add_argument("ids", metavar="ID", nargs="*", help=f"benchmarks to run: {known_ids} (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="one run and one seed, as a trial; not for quotation")
    args = parser.parse_args()
    unknown = [benchmark_id for benchmark_id in args.ids if benchmark_id not in BENCHMARKS]
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(unknown)}; known: {known_ids}")
    figures = [
        figure
        for benchmark_id, measure in BENCHMARKS.items()
        if benchmark_id in args.ids or not args.ids
        for figure in measure(quick=args.quick)
    ]
    sys.stdout.write((as_json(figures) if args.json else as_table(figures)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

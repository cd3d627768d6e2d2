"""Benchmarks with their goals: `python -m bench` from the root of the project, one row per figure."""

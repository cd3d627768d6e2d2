"""Benchmarks, crash tests and peer comparisons; `python -m bench`, from the project root, prints one row per figure."""

"""A scenario file that solves within a second: coal-chemical plants of Shanxi, own pipelines, two periods."""

SMALL_TEXT = """\
name: Small
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}
transport: {shared_trunklines: false}
budget: {total_mn: 900}
solver: {mip_gap: 0.0, threads: 1}
"""

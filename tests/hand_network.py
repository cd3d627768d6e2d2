"""Three sources and two sites of a small network with costs by hand, for `hand_tables`."""

PLANTS = {
    "A": {"co2_ktpa": 300, "capture_capex_mn": 10, "lon_deg": 115.2},
    "B": {"co2_ktpa": 700, "capture_capex_mn": 30, "lon_deg": 115.6},
    "C": {"co2_ktpa": 1_500, "capture_capex_mn": 45, "lon_deg": 116.0},
}
SITES = {
    "S": {"site_capex_mn": 8, "well_capex_mn": 2, "well_injectivity_ktpa": 400, "n_wells_max": 3},
    "T": {"site_capex_mn": 15, "well_capex_mn": 1, "well_injectivity_ktpa": 500, "capacity_mid_kt": 60_000},
}
LENGTHS_KM = {"A-B": 20, "A-S": 60, "B-S": 50, "B-C": 30, "C-T": 40}
LINKS = {name: {"length_km": km} for name, km in LENGTHS_KM.items()}
# A ring of the three plants, so that pipes may carry either way.
RING = {**LINKS, "A-C": {"length_km": 45}}
# Three periods over all links.
STAGED = {
    "objective": "max_abatement", "years": [2026, 2031, 2036], "capital_recovery_share": None,
    "transport.corridors": "all", "transport.pipe_costs": "as_built",
}  # fmt: skip

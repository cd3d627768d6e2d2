"""The page planners show: one HTML file with map, charts and tables, which asks no network for anything."""

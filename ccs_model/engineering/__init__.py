"""Physics, never money: streams of a plant, capture options, distances."""

"""Physics without money: streams, capture options, compression and transport."""

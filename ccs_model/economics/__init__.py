"""Money, never Pyomo: price levels, energy prices, cost build-up, levelised cost, finance, tax, policy, benefits."""

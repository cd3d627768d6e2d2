"""Money, never Pyomo: price levels, energy prices, capital, discounting."""

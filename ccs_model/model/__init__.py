"""The optimisation model. Only this package writes Pyomo; each module holds one theme."""

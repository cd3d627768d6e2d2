"""Problem to Plan: driver, search strategies, infeasibility diagnosis, tie-breaking and marginal values."""

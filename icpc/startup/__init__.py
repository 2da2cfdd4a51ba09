"""How icpc is started: what comes before anything slow is imported."""

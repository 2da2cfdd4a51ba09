"""Commands that show data, configs and costs, and train nothing."""

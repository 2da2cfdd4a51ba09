"""Several processes of one run: their start, their shards, and what they must agree on."""

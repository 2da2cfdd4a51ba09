"""Your own pictures: which files, which split, what the ids mean."""

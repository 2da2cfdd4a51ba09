"""What the values of a config may be."""

"""What the parts of a model have to know of a tracer that runs them."""

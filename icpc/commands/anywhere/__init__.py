"""`icpc test MODEL --data DIR`: a model on other data or classes than those of its training."""

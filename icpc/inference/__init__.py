"""From a model to predictions of a user's pictures."""

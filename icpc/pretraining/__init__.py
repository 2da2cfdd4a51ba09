"""Pre-training of a tiny CLIP on the procedural scenes, and the gates it has to pass."""

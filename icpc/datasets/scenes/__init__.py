"""The embedded dataset of procedural scenes."""

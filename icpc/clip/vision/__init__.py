"""CLIP's image towers."""

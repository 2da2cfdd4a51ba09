"""From a trained model, or a CLIP alone, to predictions of pictures."""

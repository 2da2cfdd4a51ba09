"""CLIP's text side: names to tokens, and prompts to embeddings."""

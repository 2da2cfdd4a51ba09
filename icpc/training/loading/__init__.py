"""The processes that read pictures for a training or an evaluation."""

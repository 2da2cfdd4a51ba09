"""From image tags to a trained segmentor: the stages, each recorded and resumable."""

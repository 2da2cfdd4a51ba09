"""What a run leaves in its work directory beside checkpoints."""

from . import metrics_file

__all__ = ['metrics_file']

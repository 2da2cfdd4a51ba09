"""What a person sees while a run goes on: messages, progress, trackers."""

from . import progress

__all__ = ['progress']

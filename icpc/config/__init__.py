"""From config files and overrides to a finished config, refused where nothing would read it."""

from .load import load_config

__all__ = ['load_config']

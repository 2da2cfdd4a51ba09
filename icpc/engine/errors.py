"""The error that tools show without a traceback, under the engine's name."""

from ..errors import UserError

__all__ = ['UserError']

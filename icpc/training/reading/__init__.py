"""When a step's numbers are read, and what is made of them."""

from . import runtime_info

__all__ = ['runtime_info']

"""POLE's choice of names: the candidates, the choice for a data set, and its table in training."""

from .choice_hook import NameChoiceHook

__all__ = ['NameChoiceHook']

"""Prompting methods: each one module ``prompter(features) -> text`` of shape (B, K, D)."""

from .base import Prompter
from .instance import InstancePrompter
from .static import StaticPrompter
from .template import TemplatePrompter

__all__ = ['InstancePrompter', 'Prompter', 'StaticPrompter', 'TemplatePrompter']

"""Prompting methods: each one module ``prompter(features) -> text`` of shape (B, K, D)."""

from .base import BasePrompter, Prompter
from .class_tokens import ClassTokenPrompter
from .class_vectors import ClassVectorPrompter
from .cocoop import CoCoOpPrompter
from .instance import InstancePrompter
from .post_model import PostModelPrompter, PrePostPrompter
from .static import StaticPrompter
from .template import TemplatePrompter

__all__ = [
    'BasePrompter',
    'ClassTokenPrompter',
    'ClassVectorPrompter',
    'CoCoOpPrompter',
    'InstancePrompter',
    'PostModelPrompter',
    'PrePostPrompter',
    'Prompter',
    'StaticPrompter',
    'TemplatePrompter',
]

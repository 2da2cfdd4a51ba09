"""Backbones beside CLIP's own image towers, and matchers between the stages of either."""

from .imagenet import ImageNetBackbone
from .prompt_matched import PromptMatchedBackbone
from .prompt_matcher import PromptMatcher

__all__ = ['ImageNetBackbone', 'PromptMatchedBackbone', 'PromptMatcher']

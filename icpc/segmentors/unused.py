"""Freezes what no loss of a model can train, since DistributedDataParallel waits for all others."""

import logging
from collections.abc import Iterator

from torch import nn

from ..parts import BaseNeck

logger = logging.getLogger('icpc')


def freeze_unused(model: nn.Module) -> None:
    """Freezes the parameters of backbone and neck that nothing in this model depends on.

    What a user's own part takes is not known: it is taken to use all that it is given.

    Args:
        model: with backbone, prompter or None, neck, head and losses.

    Raises:
        ValueError: a prompter that would be trained by nothing; the message names the keys.
    """
    use = _Use(model)
    if model.prompter is not None and not use.text and _trains(model.prompter):
        raise ValueError(
            f'model.prompter: nothing takes the text of {type(model.prompter).__name__}, so it '
            'would never be trained: align a level (model.neck.levels), add a loss of the text '
            '(model.losses.align), or set model.prompter=None'
        )
    if model.prompter is not None and not use.levels:
        _say_losses_of_no_level(model)
    for parameter in _unused(model, use):
        parameter.requires_grad_(False)


class _Use:
    """What of the features, the text and the score maps reaches a loss."""

    def __init__(self, model: nn.Module) -> None:
        self.losses = frozenset().union(*(x.uses for x in model.losses.values()))
        neck, head = model.neck, model.decode_head
        count = len(model.backbone.channels)
        self.known = type(neck).unused is not BaseNeck.unused
        chosen = getattr(head, 'in_index', list(range(count)))
        chosen = chosen if isinstance(chosen, list | tuple) else [chosen]
        self.outputs = {index % count for index in chosen} if self.known else set(range(count))
        self.levels = set(neck.levels) if self.known else set(range(count))
        joined = model.score_level
        self.maps = {
            level
            for level in self.levels
            if level >= min(self.outputs) or 'score_maps' in self.losses or level == joined
        }
        self.text = bool(self.maps) or 'text' in self.losses
        self.pooled = 'pooled' in self.losses or (
            model.prompter is not None and self.text and model.prompter.uses_pooled
        )
        dense_level = model.backbone.dense_level
        with_text = model.prompter is not None
        self.dense = with_text and (dense_level in self.maps or 'dense' in self.losses)
        self.pyramid = set(range(min(self.outputs), count)) | (self.maps - {dense_level})
        if 'pyramid' in self.losses or not self.known:
            self.pyramid = set(range(count))


def _unused(model: nn.Module, use: _Use) -> Iterator[nn.Parameter]:
    backbone = model.backbone
    if not use.pooled:
        # Whatever the dense embedding depends on, the pooled one depends on too.
        yield from (backbone.pooled_only if use.dense else backbone.joint_only)
    if 'interim' not in use.losses:
        yield from backbone.interim_only
    for level in range(len(backbone.channels)):
        if level not in use.pyramid:
            yield from backbone.level_only(level)
    if use.known:
        for module in model.neck.unused(use.outputs, use.maps):
            yield from module.parameters()


def _trains(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


def _say_losses_of_no_level(model: nn.Module) -> None:
    names = [n for n, x in model.losses.items() if x.uses == {'score_maps'}]
    if names:
        logger.info(
            f'model.neck.levels is []: no score map, so {", ".join(names)} of model.losses stay 0'
        )

"""Contrastive pre-training of a tiny CLIP on crops, whole scenes and captions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from icpc.clip.vision.resnet import CLIPResNet
from icpc.pretraining.batches import Batch, batches
from icpc.pretraining.crops import Pictures
from icpc.pretraining.loss import MultiPositiveClipLoss, TagLoss


@dataclass(frozen=True)
class Recipe:
    """Settings of the pre-training; our choice.

    Attributes:
        steps: optimiser steps.
        batch: crops in a step.
        scene_batch: whole scenes in a step; the attention pool's positions are resized.
        scene_share: of the steps that take whole scenes.
        lr: highest learning rate of the image tower in the one-cycle schedule.
        text_lr: the same for the text tower.
        scale_lr: the same for logit scale and bias.
        weight_decay: of the image tower's matrices and kernels; all else has none.
        tag_weight: of the tag loss beside the contrastive one.
        seed: the seed of weights, order, captions and mirroring.
    """

    steps: int = 2000
    batch: int = 96
    scene_batch: int = 32
    scene_share: float = 0.25
    lr: float = 2e-3
    text_lr: float = 1e-3
    scale_lr: float = 1e-2
    weight_decay: float = 0.05
    tag_weight: float = 15.0
    seed: int = 0


class PretrainingLoss(nn.Module):
    """Contrastive loss over all captions plus the tag loss over single-class ones.

    Args:
        clip: open_clip's model.
        tag_weight: of the tag loss.
    """

    def __init__(self, clip: open_clip.CLIP, tag_weight: float) -> None:
        super().__init__()
        self.clip, self.tag_weight = clip, tag_weight
        self.image_tower = CLIPResNet(clip.visual, dense='value')  # takes pictures of any size
        self.contrast, self.tag = MultiPositiveClipLoss(), TagLoss()

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss (scalar) of a batch."""
        images = F.normalize(self.image_tower(batch.images).pooled, dim=-1)  # (B, D)
        texts = F.normalize(self.clip.encode_text(batch.tokens), dim=-1)  # (T, D)
        scale, single = self.clip.logit_scale.exp(), slice(len(images), None)
        tags = self.tag(images, texts[single], scale, batch.truth[:, single])
        return self.contrast(images, texts, scale, batch.truth) + self.tag_weight * tags


def _optimiser(
    clip: nn.Module, bias: nn.Parameter, recipe: Recipe
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    groups = _parameter_groups(clip, bias, recipe)
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    rates = [group['lr'] for group in groups]
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=recipe.steps, pct_start=0.15
    )


def _parameter_groups(clip: nn.Module, bias: nn.Parameter, recipe: Recipe) -> list[dict[str, Any]]:
    decayed, plain, text = [], [], []
    for name, parameter in clip.named_parameters():
        if name.startswith('visual.'):
            (decayed if parameter.ndim > 1 else plain).append(parameter)
        elif name != 'logit_scale':
            text.append(parameter)
    return [
        {'params': decayed, 'lr': recipe.lr, 'weight_decay': recipe.weight_decay},
        {'params': plain, 'lr': recipe.lr},
        {'params': text, 'lr': recipe.text_lr},
        {'params': [clip.logit_scale, bias], 'lr': recipe.scale_lr},
    ]


def train(
    clip: open_clip.CLIP, crops: Pictures, scenes: Pictures, recipe: Recipe
) -> Iterator[float]:
    """Train in place; yields the loss of each step.

    Args:
        clip: open_clip's model, native at the size of the crops.
        crops: at least one batch of them.
        scenes: at least one batch of them.
        recipe: see Recipe.

    Raises:
        ValueError: fewer pictures than a batch.
        FloatingPointError: the loss is not finite.
    """
    if len(crops) < recipe.batch or len(scenes) < recipe.scene_batch:
        raise ValueError(
            f'{len(crops)} crops and {len(scenes)} scenes are less than a batch of '
            f'{recipe.batch} and {recipe.scene_batch}: draw more pictures'
        )
    losses = PretrainingLoss(clip, recipe.tag_weight)
    optimiser, schedule = _optimiser(clip, losses.tag.bias, recipe)
    random = np.random.RandomState([recipe.seed, 2])
    sources = (
        batches(crops, recipe.batch, random, clip.context_length),
        batches(scenes, recipe.scene_batch, random, clip.context_length),
    )
    clip.train().visual.to(memory_format=torch.channels_last)  # twice as fast on a CPU
    for step in range(recipe.steps):
        batch = next(sources[int(random.random_sample() < recipe.scene_share)])
        loss = losses(batch)
        if not torch.isfinite(loss):
            raise FloatingPointError(f'loss {loss.item()} at step {step}: lower --lr')
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            clip.logit_scale.clamp_(0.0, float(np.log(100.0)))  # CLIP's upper limit
        yield loss.item()

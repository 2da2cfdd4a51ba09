"""What a CLIP must know of the scenes before any study of prompts makes sense."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import open_clip
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F

from icpc.clip.vision.resnet import CLIPResNet
from icpc.datasets.scenes.captions import SUFFIXES
from icpc.datasets.scenes.composition import Scene, generate_scene
from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS
from icpc.pretraining.model import normalise

from ..evaluation.confusion import intersection_over_union

TEMPLATE = 'a photo of a {}{}.'  # CLIP's own, with a place for the condition
LEAST_AUC, LEAST_MIOU = 0.9, 25.0
LEAST_SHARE = 0.01  # of the pixels that a class must cover to count as present
SHIFT = 7  # the derangement of shuffled names: class k is prompted as class k + 7


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        auc: (K,) how well cosine(pooled, name) tells pictures with a class from others; nan
            where all or no picture has it.
        iou: (K,) per cent, of the arg-max of the dense score map.
        iou_condition: the same with the picture's true condition in the prompt.
        iou_shuffled: the same with the names shuffled.
        chance: mIoU of the same predictions laid on the truth of other pictures.
    """

    auc: np.ndarray
    iou: np.ndarray
    iou_condition: np.ndarray
    iou_shuffled: np.ndarray
    chance: float


def failures(figures: Figures) -> list[str]:
    """The gates that do not hold, each in a sentence; empty when all hold."""
    auc, iou, shuffled = (
        float(np.nanmean(values)) for values in (figures.auc, figures.iou, figures.iou_shuffled)
    )
    found = []
    if not auc > LEAST_AUC:
        found.append(f'class-presence AUC {auc:.3f} is not above {LEAST_AUC}')
    if not iou > LEAST_MIOU:
        found.append(f'zero-shot mIoU {iou:.1f} is not above {LEAST_MIOU}')
    if not shuffled <= figures.chance + 1.0:
        found.append(f'shuffled names reach mIoU {shuffled:.1f}, chance is {figures.chance:.1f}')
    return found


def held_out_scenes(count: int, size: int = 128, seed: int = 0) -> list[Scene]:
    """Whole scenes of the validation stream: never seen in pre-training, never tested on."""
    return [generate_scene('validation', index, size, seed) for index in range(count)]


@torch.no_grad()
def encode_prompts(clip: open_clip.CLIP, prompts: Sequence[str]) -> Tensor:
    """Normalised text embeddings (P, D) of prompts."""
    tokens = open_clip.tokenize(list(prompts), context_length=clip.context_length)
    return F.normalize(clip.encode_text(tokens), dim=-1)


@torch.no_grad()
def embed_scenes(clip: open_clip.CLIP, scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """Normalised embeddings of scenes as the segmentor sees them: output stride 16, values alone.

    Returns:
        pooled (N, D) and dense (N, D, h, w).
    """
    backbone = CLIPResNet(deepcopy(clip.visual), dense='value', output_stride=16).eval()
    pooled, dense = [], []
    for start in range(0, len(scenes), 20):
        images = np.stack([scene.image for scene in scenes[start : start + 20]])
        features = backbone(normalise(torch.from_numpy(images)))
        pooled.append(F.normalize(features.pooled, dim=1))
        dense.append(F.normalize(features.dense, dim=1))
    return torch.cat(pooled), torch.cat(dense)


def presence_auc(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column: P(score of a present > score of an absent one).

    Args:
        scores: (N, K).
        present: (N, K) bool.

    Returns:
        (K,) in 0..1, nan where a column is all present or all absent.
    """
    ranks, positives = rankdata(scores, axis=0), present.sum(0)
    negatives = len(present) - positives
    wins = (ranks * present).sum(0) - positives * (positives + 1) / 2
    return np.where(positives * negatives > 0, wins / np.maximum(positives * negatives, 1), np.nan)


def score_map(dense: Tensor, texts: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Arg-max classes (N, H, W) of the cosines, resized bilinearly.

    Args:
        dense: (N, D, h, w), normalised.
        texts: (K, D) for all pictures, or (N, K, D) for each; normalised.
        size: H and W in pixels.
    """
    texts = texts.expand(len(dense), -1, -1)
    cosines = torch.einsum('ndhw,nkd->nkhw', dense, texts)
    large = F.interpolate(cosines, size=size, mode='bilinear', align_corners=False)
    return large.argmax(1).numpy()


def _chance(predictions: np.ndarray, labels: np.ndarray) -> float:
    """MIoU of the same predictions laid on other pictures' truth."""
    count = len(CLASSES)
    ious = [
        intersection_over_union(np.roll(predictions, shift, axis=0), labels, count)
        for shift in range(1, min(6, len(labels)))
    ]
    return float(np.nanmean(ious))


def measure(clip: open_clip.CLIP, scenes: Sequence[Scene]) -> Figures:
    """Measure a CLIP on whole scenes, all of one size."""
    clip, count = deepcopy(clip).eval(), len(CLASSES)
    pooled, dense = embed_scenes(clip, scenes)
    texts = encode_prompts(clip, [TEMPLATE.format(name, '') for name in CLASSES])
    by_condition = {
        name: encode_prompts(clip, [TEMPLATE.format(c, f' {SUFFIXES[name][0]}') for c in CLASSES])
        for name in CONDITIONS
    }
    told = torch.stack([by_condition[scene.condition] for scene in scenes])
    labels = np.stack([scene.labels for scene in scenes]) - np.uint8(1)
    present = np.stack([(labels == k).mean((1, 2)) >= LEAST_SHARE for k in range(count)], axis=1)
    predictions, *others = (
        score_map(dense, prompts, labels.shape[1:])
        for prompts in (texts, told, texts.roll(-SHIFT, 0))
    )
    return Figures(
        auc=presence_auc((pooled @ texts.T).numpy(), present),
        iou=intersection_over_union(predictions, labels, count),
        iou_condition=intersection_over_union(others[0], labels, count),
        iou_shuffled=intersection_over_union(others[1], labels, count),
        chance=_chance(predictions, labels),
    )

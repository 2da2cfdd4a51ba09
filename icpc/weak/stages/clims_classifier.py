"""Stage 2 of CLIMS: a frozen CLIP says whether what a map shows is the class."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...alignment import unit_length
from ...clip import TextEncoder, load_clip
from ...clip.freezing import freeze
from ...clip.pixels import clip_pixels
from ..losses import (
    VOC_WEIGHTS,
    area_loss,
    background_suppression_loss,
    background_text_loss,
    masked_views,
    object_text_loss,
    tagged_pairs,
)
from .tag_classifier import TagClassifier

PHRASES = (
    *('tree', 'river', 'sea', 'lake', 'water', 'railway', 'railroad', 'track', 'stone', 'rocks'),
)  # of CLIMS for VOC
_TERMS = ('otm', 'btm', 'cbs', 'reg')


@MODELS.register_module()
class CLIMSClassifier(TagClassifier):
    """Trains the maps of a :class:`TagClassifier` by a frozen CLIP; its weights fit this one.

    With P the sigmoid of the maps, X the picture and t_k the text of class k, for each tag k of a
    picture: OTM wants CLIP to see t_k in P_k X, BTM not to see it in (1 - P_k) X, CBS not to see
    phrases of backgrounds in P_k X, REG small maps.

    CLIP is no part of the state: a checkpoint holds backbone and classifier, as of stage 1.

    Args:
        teacher: arguments of :func:`icpc.clip.load_clip` for the frozen CLIP.
        names: K names for the texts instead of those of the classes; a dict of class -> name for
            some of them.
        phrases: of backgrounds.
        template: of the texts.
        weights: of ``otm``, ``btm``, ``cbs`` and ``reg`` (CLIMS on VOC: 10, 24, 1, 0.2).
        summed_cbs: CBS is the sum over all pairs of a pass, as published, so that its weight holds
            for the published 16 pictures; False divides it by the pairs.
        threshold_cbs: below it a phrase is not seen (CLIMS on VOC: 0.26).
        shifted: every cosine s becomes (1 + s) / 2, so that a negative one has a gradient in OTM,
            too; for a CLIP whose cosines lie around zero. False, as published: those below 1e-4
            have none. ``threshold_cbs`` is of the cosine as it is.
        clip_statistics: CLIP gets pictures with its own mean and deviation; False: with the
            backbone's, as published.
        **options: as of :class:`TagClassifier`.

    Raises:
        ValueError: an unknown weight, or a name of no class.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        teacher: dict,
        names: dict[str, str] | None = None,
        phrases: Sequence[str] = PHRASES,
        template: str = 'a photo of {}.',
        weights: dict[str, float] | None = None,
        summed_cbs: bool = False,
        threshold_cbs: float = 0.26,
        shifted: bool = False,
        clip_statistics: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(class_names, **options)
        for key in (weights or {}).keys() - set(_TERMS):
            raise ValueError(f'model.weights has no {key!r}: there are {", ".join(_TERMS)}')
        for key in (names or {}).keys() - set(self.class_names[1:]):
            raise ValueError(f'model.names: {key!r} is no class that has tags')
        self.weights = VOC_WEIGHTS | (weights or {})
        self.summed_cbs, self.threshold_cbs = summed_cbs, threshold_cbs
        self.shifted = shifted
        towers = load_clip(**teacher)
        visual, size = towers.visual, towers.visual.image_size
        self._size = size if isinstance(size, int) else size[0]
        freeze(visual)
        self._visual = [visual]  # no part of the state
        texts = [(names or {}).get(name, name) for name in self.class_names[1:]]
        self.register_buffer('texts', _encode(towers, texts, template), persistent=False)
        self.register_buffer('others', _encode(towers, phrases, template), persistent=False)
        own = clip_pixels(teacher['model'], teacher.get('pretrained')) if clip_statistics else None
        statistics = None if own is None else torch.tensor([own.mean, own.std])[:, :, None, None]
        self.register_buffer('statistics', statistics, persistent=False)

    def _apply(self, change: Callable, *args: Any, **kwargs: Any) -> nn.Module:
        """Move CLIP where the model goes."""
        self._visual[0]._apply(change, *args, **kwargs)
        return super()._apply(change, *args, **kwargs)

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, float]:
        """Pictures for REG, pairs of picture and tag for OTM and BTM, and for CBS unless summed."""
        pairs = float(sum(sample.tags.sum() for sample in data_samples))
        cbs = 1.0 if self.summed_cbs else pairs
        named = {'loss_otm': pairs, 'loss_btm': pairs, 'loss_cbs': cbs}
        return {'': float(len(data_samples)), **named}

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """The four losses with their weights; the first three are zero without any tag.

        Args:
            inputs: (B, 3, H, W), normalised as the backbone's.
            data_samples: B samples with ``tags`` (K,).
        """
        maps = self.maps(inputs).sigmoid()  # (B, K, h, w)
        losses = dict.fromkeys(_TERMS[:3], maps.sum() * 0)
        losses['reg'] = area_loss(maps)
        pairs = tagged_pairs(self.tags_of(data_samples))  # (M, 2)
        if len(pairs):
            views = masked_views(self._for_clip(inputs), maps, pairs, self._size)
            front, rest = self._embed(torch.cat(views)).chunk(2)  # (M, D) each
            texts = self.texts[pairs[:, 1]]
            losses['otm'] = object_text_loss(self._seen((front * texts).sum(dim=1)))
            losses['btm'] = background_text_loss(self._seen((rest * texts).sum(dim=1)))
            losses['cbs'] = background_suppression_loss(
                self._seen(front @ self.others.T),
                float(self._seen(torch.tensor(self.threshold_cbs))),
                'sum' if self.summed_cbs else 'pairs',
            )
        return {f'loss_{term}': self.weights[term] * losses[term] for term in _TERMS}

    def _seen(self, cosines: Tensor) -> Tensor:
        return (1 + cosines) / 2 if self.shifted else cosines

    def _for_clip(self, images: Tensor) -> Tensor:
        if self.statistics is None:
            return images
        pixels = images * self.data_preprocessor.std + self.data_preprocessor.mean
        return (pixels - self.statistics[0]) / self.statistics[1]

    def _embed(self, images: Tensor) -> Tensor:
        return unit_length(self._visual[0](images), dim=1)


@torch.no_grad()
def _encode(towers: nn.Module, names: Sequence[str], template: str) -> Tensor:
    """(N, D), of length one."""
    prompter = MODELS.build(
        dict(type='TemplatePrompter', template=template),
        default_args=dict(text_encoder=TextEncoder(towers), class_names=list(names)),
    )
    return unit_length(prompter()[0], dim=1).detach().clone()

"""Stage 2 of CLIMS and POLE: a frozen CLIP says whether what a map shows is the class."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...alignment import at_least_float32, without_autocast
from ...errors import UserError
from ..adapters import Adapter
from ..candidates import Names, candidate_names
from ..losses import PHRASES, VOC_WEIGHTS, clims_losses, masked_views, tagged_pairs
from .frozen_clip import FrozenCLIP
from .tag_classifier import TagClassifier


@MODELS.register_module()
class CLIMSClassifier(TagClassifier):
    """Trains the maps of a :class:`TagClassifier` by a frozen CLIP; its weights fit this one.

    With P the sigmoid of the maps, X the picture and t_k the text of class k, for each tag k of a
    picture: OTM wants CLIP to see t_k in P_k X, BTM not to see it in (1 - P_k) X, CBS not to see
    phrases of backgrounds in P_k X, REG small maps. POLE's t_k has the name that was chosen for the
    class in this picture, and adapters change the embeddings in OTM and BTM.

    CLIP is no part of the state: a checkpoint holds backbone and classifier, as of stage 1, and
    what else is learned, the adapters and the prompter.

    Args:
        teacher: arguments of :func:`icpc.clip.load_clip` for the frozen CLIP; ``image_size`` is the
            side of the masked pictures, by default CLIP's own.
        names: of the classes in the texts, see :func:`candidate_names`; without choices the first.
        choices: a table (JSON, picture -> class -> name) of which of the names each picture's
            classes have, as a path or below ``data_root``, which ``NameChoiceHook`` reads. None:
            all the first, or see ``refresh``.
        refresh: the names are chosen by the CAMs of the model itself before the first step and
            again every so many steps, by the same hook; ours. None: never.
        prompter: makes the texts instead of ``template``, such as ``StaticPrompter`` for CoOp; one
            that depends on the picture sees CLIP's features of the whole picture.
        adapters: options of :class:`Adapter` for one on pictures and one on texts; None for none.
        phrases: of backgrounds, or ``'voc'`` or ``'coco'`` for those of ``losses.PHRASES``.
        template: of the texts and the phrases.
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
        ValueError: an unknown weight, a name of no class, or options that do not go together.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        teacher: dict,
        names: Names = None,
        choices: str | None = None,
        refresh: int | None = None,
        prompter: dict | None = None,
        adapters: dict | None = None,
        phrases: str | Sequence[str] = 'voc',
        template: str = 'a photo of {}.',
        weights: Mapping[str, float] | None = None,
        summed_cbs: bool = False,
        threshold_cbs: float = 0.26,
        shifted: bool = False,
        clip_statistics: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(class_names, **options)
        for key in (weights or {}).keys() - VOC_WEIGHTS.keys():
            raise ValueError(f'model.weights has no {key!r}: there are {", ".join(VOC_WEIGHTS)}')
        if isinstance(phrases, str) and phrases not in PHRASES:
            raise ValueError(
                f'model.phrases must be a list or one of {[*PHRASES]}, got {phrases!r}'
            )
        self.weights = VOC_WEIGHTS | dict(weights or {})
        self.summed_cbs, self.threshold_cbs = summed_cbs, threshold_cbs
        self.shifted, self.clip_statistics = shifted, clip_statistics
        self.choices, self.refresh = choices, refresh
        known = candidate_names(names, self.class_names[1:])
        _check_choices(choices, refresh, known)
        self.names = known if self.chooses else [own[:1] for own in known]
        # path of a picture -> (K,) place of the chosen name of each class
        self.places: dict[str, Tensor] = {}
        self._clip = [FrozenCLIP(teacher)]  # no part of the state
        counts = torch.tensor([len(own) for own in self.names])
        self.register_buffer('first_name', counts.cumsum(0) - counts, persistent=False)  # (K,)
        every = [name for own in self.names for name in own]
        others = PHRASES[phrases] if isinstance(phrases, str) else phrases
        self.register_buffer('phrases', self.clip.texts(others, template), persistent=False)
        needed = self.chooses or not prompter
        texts = self.clip.texts(every, template) if needed else None
        self.register_buffer('texts', texts, persistent=False)  # (N, D) of all names
        self.prompter = self.clip.prompter(prompter, every) if prompter else None
        if prompter and self.chooses and getattr(self.prompter, 'class_tensors', dict)():
            raise ValueError(
                'model.prompter learns something for each class, which has no choice of names; '
                'leave choices and refresh out'
            )
        self.adapters = None
        if adapters is not None:
            width = self.clip.embed_dim
            towers = {tower: Adapter(width, **adapters) for tower in ('image', 'text')}
            self.adapters = nn.ModuleDict(towers)

    @property
    def clip(self) -> FrozenCLIP:
        """The frozen CLIP."""
        return self._clip[0]

    @property
    def chooses(self) -> bool:
        """Whether the names of a class compete in each picture."""
        return self.choices is not None or self.refresh is not None

    @staticmethod
    def for_prediction(model: dict) -> dict:
        """The config of a model that predicts the same and needs no CLIP that teaches."""
        kept = signature(TagClassifier).parameters
        return {**{key: model[key] for key in model if key in kept}, 'type': 'TagClassifier'}

    def _apply(self, change: Callable, *args: Any, **kwargs: Any) -> nn.Module:
        """Move CLIP where the model goes."""
        self.clip._apply(change, *args, **kwargs)
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
            data_samples: B samples with ``tags`` (K,), and with ``img_path`` where names compete.
        """
        maps = self.maps(inputs).sigmoid()  # (B, K, h, w)
        pairs = tagged_pairs(self.tags_of(data_samples))  # (M, 2)
        images = self.for_clip(inputs)
        views = masked_views(images, maps, pairs, self.clip.size)
        front, rest = self.clip.embed(torch.cat(views)).chunk(2)  # (M, D) each
        texts = self.texts_of(images, data_samples, pairs)  # (M, D)
        with without_autocast(inputs.device):
            maps, plain, texts = map(at_least_float32, (maps, front, texts))
            if self.adapters is not None:
                image, text = self.adapters['image'], self.adapters['text']
                front, rest, texts = image(front), image(rest), text(texts)
            losses = clims_losses(
                front,
                rest,
                texts,
                self.phrases,
                maps,
                threshold=self.threshold_cbs,
                plain_foreground=plain,
                reduction='sum' if self.summed_cbs else 'pairs',
                shifted=self.shifted,
            )
        return {f'loss_{term}': self.weights[term] * losses[term] for term in losses}

    def texts_of(
        self, images: Tensor, data_samples: Sequence[SegDataSample], pairs: Tensor
    ) -> Tensor:
        """(M, D), not normalised, the text of the class of each pair in its picture.

        Args:
            images: (B, 3, H, W) as CLIP sees them.
            data_samples: B samples.
            pairs: (M, 2) of (picture, class).
        """
        picture, label = pairs.unbind(dim=1)
        rows = self.first_name[label]
        if self.chooses:
            chosen = torch.stack([self._chosen(sample) for sample in data_samples]).to(rows)
            rows = rows + chosen[picture, label]
        if self.prompter is None:
            return self.texts[rows]
        features = self.clip.features(images) if self.prompter.depends_on_image else None
        text = self.prompter(features)  # (B or 1, N, D)
        return text.expand(len(images), -1, -1)[picture, rows]

    def _chosen(self, sample: SegDataSample) -> Tensor:
        path = sample.get('img_path')
        if path not in self.places:
            raise UserError(
                f'{path}: no names are chosen for its classes; model.choices and model.refresh '
                "need custom_hooks=[dict(type='NameChoiceHook')], and PackSegInputs must pack "
                "'img_path' (meta_keys)"
            )
        return self.places[path]

    def for_clip(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) that are normalised as the backbone's, as CLIP gets them."""
        if not self.clip_statistics:
            return images
        pixels = images * self.data_preprocessor.std + self.data_preprocessor.mean
        mean, std = self.clip.statistics
        return (pixels - mean) / std


def _check_choices(choices: object, refresh: object, names: list[list[str]]) -> None:
    if choices is not None and refresh is not None:
        raise ValueError('model.choices and model.refresh: names are chosen in one way; drop one')
    if refresh is not None and (type(refresh) is not int or refresh < 1):
        raise ValueError(f'model.refresh must be a number of steps from 1, got {refresh!r}')
    given = choices is not None or refresh is not None
    if given and all(len(own) == 1 for own in names):
        raise ValueError(
            'model.names gives every class one name, so there is nothing to choose; set '
            "names='voc' (or coco, scenes, a file), or leave choices and refresh out"
        )

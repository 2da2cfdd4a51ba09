"""A frozen CLIP that segments by its score map: nothing is trained."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..alignment import cosine_score_map
from ..clip import backbone_type, load_clip
from ..errors import UserError
from ..memory.budget import check_memory_budget
from ..memory.prediction import PredictionMemory, prediction_memory
from ..memory.windows import BUDGET_KEY, MEMORY_BUDGET
from ..picture_sizes import in_groups, pad_images
from .assembly import build_backbone, build_prompter, refuse_pretrained
from .class_words import best_of_classes, class_logits, vocabulary_of
from .clip_segmentor import CLIPSegmentor
from .contracts import check_features, check_text
from .inference import Result, padded_to, predict_maps, window_grid
from .pixel_statistics import with_pixels

_DEFAULTS = dict(CLIPViT=dict(dense='naclip', resample=False), CLIPResNet=dict(dense='value'))


@MODELS.register_module()
class ZeroShotSegmentor(BaseSegmentor):
    """Gives every pixel the class whose words are nearest to it in CLIP's joint space.

    The cosines of positions with each word are averaged over windows, brought to the size on disk
    and go through softmax(scale * cosine) over all **words**; a class has the highest probability
    of its words, as SCLIP, ClearCLIP and NACLIP do. All weights are CLIP's, and frozen.

    Args:
        clip: arguments of :func:`icpc.clip.load_clip`.
        class_names: K names, in label order; several words of a class are separated by ``;``.
        backbone: options of the backbone; ``dense`` decides how positions reach the joint space,
            by default ``'naclip'`` of a ViT and ``'value'`` of a ResNet.
        prompter: options of :class:`TemplatePrompter`, by default with CLIP's 80 templates.
        synonyms: class name -> its words, separated by ``;``, in place of the name.
        scale: of the cosines in the softmax (40: SCLIP, NACLIP).
        threshold: pixels whose best class has a probability below it belong to class 0, the
            background; None for no threshold, for classes without a background.
        pretrained, data_preprocessor, train_cfg, test_cfg, init_cfg: as for :class:`CLIPSegmentor`.

    Attributes:
        trains: False: there is nothing to train, and no checkpoint is needed.
        vocabulary: the classes' words.

    Raises:
        ValueError: an option out of its range, or a prompter that is to be trained.
        UserError: a class without words, or synonyms of none.
    """

    trains = False
    fill_pixels = staticmethod(CLIPSegmentor.fill_pixels)
    test_step_with_maps = CLIPSegmentor.test_step_with_maps

    def __init__(
        self,
        clip: dict,
        class_names: Sequence[str],
        backbone: dict | None = None,
        prompter: dict | None = None,
        synonyms: Mapping[str, str] | None = None,
        scale: float = 40.0,
        threshold: float | None = None,
        pretrained: None = None,
        train_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        refuse_pretrained(pretrained)
        if train_cfg:
            raise ValueError('model.train_cfg: nothing is trained here; leave it out')
        backbone = dict(backbone or {})
        data_preprocessor, _ = with_pixels(data_preprocessor, clip, backbone)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not scale > 0:
            raise ValueError(f'model.scale must be above 0, got {scale}')
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                f'model.threshold must be a probability between 0 and 1, or None, got {threshold}'
            )
        if backbone.get('dense', '') is None:
            raise ValueError('model.backbone.dense=None leaves no embedding to compare text with')
        self.class_names = tuple(class_names)
        self.vocabulary = vocabulary_of(self.class_names, synonyms)
        self.scale, self.threshold = scale, threshold
        towers = load_clip(**clip)
        kind = backbone.get('type', backbone_type(towers.visual))
        backbone = _DEFAULTS.get(kind, {}) | backbone
        self.backbone = build_backbone(backbone, towers, self.class_names)
        prompter = dict(prompter or {})
        if prompter.setdefault('type', 'TemplatePrompter') == 'TemplatePrompter':
            prompter.setdefault('template', 'imagenet')
        self.prompter = build_prompter(prompter, towers, self.vocabulary.words, self.backbone)
        if any(weight.requires_grad for weight in self.prompter.parameters()):
            raise ValueError(
                f'model.prompter.type={prompter["type"]} has nothing to say without a training; '
                'take TemplatePrompter'
            )
        self.test_cfg = test_cfg or {}
        check_memory_budget(self.test_cfg.get('memory_budget'), BUDGET_KEY)
        window_grid((1, 1), self.test_cfg)  # refuses a grid that does not work
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> 'ZeroShotSegmentor':
        """Stays in eval mode."""
        return super().train(False)

    def with_classes(
        self, class_names: Sequence[str], synonyms: Mapping[str, str] | None = None
    ) -> 'ZeroShotSegmentor':
        """A model of other classes on the same towers; this one stays as it is.

        Args:
            class_names, synonyms: as for the class.
        """
        other = copy.copy(self)
        other._modules = dict(self._modules)
        other.class_names = tuple(class_names)
        other.vocabulary = vocabulary_of(other.class_names, synonyms)
        other.prompter = self.prompter.with_names(other.vocabulary.words)
        return other

    @torch.no_grad()
    def encode_text(self) -> Tensor:
        """(1, Q, D): the text of all words."""
        text = self.prompter.static_text()
        check_text(self.prompter, text, 1, len(self.vocabulary.words), self.backbone.embed_dim)
        return text

    def cosines(self, images: Tensor, text: Tensor) -> Tensor:
        """(B, Q, h, w) cosines of pictures (B, 3, H, W), padded to the backbone's divisor.

        Args:
            images: normalised.
            text: as of :meth:`encode_text`.
        """
        features = self.backbone(pad_images(images, self.backbone.size_divisor))
        check_features(self.backbone, features, len(images))
        return cosine_score_map(features.dense, text)

    def predict(
        self,
        inputs: Tensor,
        data_samples: list[SegDataSample] | None = None,
        keep_classes: Sequence[int] = (),
    ) -> list[SegDataSample]:
        """Predictions at the size that each picture has on disk.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples whose metainfo tells padding, flip and original size.
            keep_classes: ids of classes whose score maps are wanted.

        Returns:
            the samples with ``pred_sem_seg`` (1, H0, W0); with ``test_cfg.keep_logits`` also
            ``seg_logits`` (K, H0, W0) of :func:`class_logits`; with ``keep_classes`` also
            ``score_maps`` (len(keep_classes), H0, W0), the highest cosine of a class's words.
        """
        samples = data_samples or [SegDataSample() for _ in inputs]
        keep_logits = self.test_cfg.get('keep_logits', False)
        owners = torch.tensor(self.vocabulary.owners, device=inputs.device)
        kept = range(len(owners)) if keep_logits else self._words_of(keep_classes)
        results = self.word_scores(inputs, [sample.metainfo for sample in samples], list(kept))
        for sample, result in zip(samples, results, strict=True):
            sample.set_data({'pred_sem_seg': PixelData(data=owners[result.best][None])})
            if keep_classes:
                maps = best_of_classes(result.logits, owners[list(kept)], list(keep_classes))
                sample.set_data({'score_maps': PixelData(data=maps)})
            if keep_logits:
                logits = class_logits(result.logits, self.vocabulary, self.scale, self.threshold)
                sample.set_data({'seg_logits': PixelData(data=logits)})
        return samples

    @torch.no_grad()
    def word_scores(self, inputs: Tensor, metas: list[dict], kept: list[int]) -> list[Result]:
        """The best word, and the cosines of some words, of each picture at its size on disk.

        Args:
            inputs: (B, 3, H, W), normalised.
            metas: MMSegmentation's metainfo of each picture.
            kept: places of the words whose full-size cosines are wanted.
        """
        text, divisor = self.encode_text(), self.backbone.size_divisor
        inputs, metas = padded_to(math.ceil(max(self.backbone.strides)), inputs, metas)
        (results,) = predict_maps(
            lambda images: [self.cosines(images, text)],
            inputs,
            metas,
            window_grid(inputs.shape[2:], self.test_cfg),
            divisor,
            self.test_cfg.get('keep_logits', False),
            self.test_cfg.get('memory_budget', MEMORY_BUDGET),
            kept,
            None if self.threshold is None else self._best_word,
        )
        return results

    def _best_word(self, cosines: Tensor) -> Tensor:
        """(Q, n, W) -> (n, W): the best word, that of class 0 below the threshold."""
        highest, best = cosines.max(dim=0)
        probability = (self.scale * (cosines - highest)).exp_().sum(dim=0).reciprocal_()
        return best.where(probability >= self.threshold, 0)

    def _words_of(self, classes: Sequence[int]) -> list[int]:
        """Places of the words of some classes."""
        return [place for place, k in enumerate(self.vocabulary.owners) if k in classes]

    def test_step(self, data: dict) -> list[SegDataSample]:
        """Predictions for a batch as it comes from a loader; its pictures may differ in size."""
        return in_groups(super().test_step, data)

    def val_step(self, data: dict) -> list[SegDataSample]:
        """The same in a validation."""
        return self.test_step(data)

    def prediction_memory(self, size: Sequence[int], disk: Sequence[int]) -> PredictionMemory:
        """Of a picture of (H, W) ``size`` in the network, (H0, W0) on ``disk``; in bytes."""
        words, stride = len(self.vocabulary.words), self.backbone.strides[self.backbone.dense_level]
        return prediction_memory(
            window_grid(size, self.test_cfg), disk, words, math.ceil(stride), self.test_cfg
        )

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """(B, Q, h, w) cosines of whole pictures."""
        return self.cosines(inputs, self.encode_text())

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict] | None = None) -> Tensor:
        """(B, K, H, W) of :func:`class_logits` of whole pictures, for MMSegmentation's tools."""
        text, divisor = self.encode_text(), self.backbone.size_divisor
        grid, metas = window_grid(inputs.shape[2:], {}), [{}] * len(inputs)
        (results,) = predict_maps(
            lambda images: [self.cosines(images, text)], inputs, metas, grid, divisor, True
        )
        words = self.vocabulary, self.scale, self.threshold
        return torch.stack([class_logits(result.logits, *words) for result in results])

    def _forward(self, inputs: Tensor, data_samples: Any = None) -> Tensor:
        return self.encode_decode(inputs)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Raises UserError: there is nothing to train."""
        raise UserError(NOTHING_TO_TRAIN)


NOTHING_TO_TRAIN = (
    'a ZeroShotSegmentor has nothing to train: evaluate it with tools/test.py CONFIG and no '
    'checkpoint; to train on such an embedding, set model.backbone.dense of a CLIPSegmentor, as in '
    'configs/icpc'
)

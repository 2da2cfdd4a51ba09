"""The one way through the model: backbone, prompter, neck, head, losses."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor

from ..alignment import cosine_score_map
from ..clip import load_clip
from ..clip.text.vocabulary import shuffled
from ..memory.budget import check_memory_budget
from ..memory.prediction import PredictionMemory, prediction_memory
from ..memory.windows import BUDGET_KEY, MEMORY_BUDGET
from ..parts import BaseNeck
from ..picture_sizes import in_groups, pad_images, pad_samples
from ..structures import CLIPFeatures
from .assembly import (
    build_backbone,
    build_losses,
    build_prompter,
    check_ignore_index,
    check_kind,
    head_config,
    neck_sizes,
    refuse_pretrained,
    score_level_for,
    without_text,
)
from .contracts import check_alignment, check_features, check_logits, check_losses, check_text
from .held_out import build_held_out
from .inference import Result, padded_to, predict_maps, window_grid
from .loss_units import LossUnits
from .pixel_statistics import with_pixels
from .unused import freeze_unused


@MODELS.register_module()
class CLIPSegmentor(LossUnits, EncoderDecoder):
    """A segmentation model whose backbone and text tower come from one CLIP.

    CLIP is loaded once; every width, channel and class count is derived from it and from
    ``class_names``, so configs never repeat them.

    Args:
        clip: arguments of :func:`icpc.clip.load_clip`.
        class_names: K names, in label order.
        backbone: options of the backbone; without ``type`` the one that CLIP's image tower asks
            for: ``CLIPResNet`` or ``CLIPViT``.
        neck: e.g. ``dict(type='MultiScaleAlignment')``.
        decode_head: an MMSegmentation head; channels, strides and class count are filled in.
        prompter: e.g. ``dict(type='InstancePrompter')``; None for a model without text.
        losses: name -> loss of the alignment, None entries are left out; none without prompter.
        shuffle_names: seed of a fixed derangement of the names that the prompter sees: the control
            in which every class has another one's name. None: the right names.
        held_out_classes: names of classes that give no training signal (:class:`HeldOutClasses`);
            the score map knows them by their text all the same, the head cannot. None: all train.
        pretrained: None, which MMSegmentation's own functions give to every model.
        data_preprocessor, train_cfg, test_cfg, init_cfg: as in MMSegmentation. ``test_cfg``:
            ``mode`` (``'whole'`` or ``'slide'``), ``crop_size``, ``stride``, ``keep_logits``, and
            ``memory_budget`` in MiB of :func:`predict_maps`.

    Raises:
        ValueError: parts that do not fit together; the message names the key.
    """

    def __init__(
        self,
        clip: dict,
        class_names: Sequence[str],
        backbone: dict,
        neck: dict,
        decode_head: dict,
        prompter: dict | None = None,
        losses: dict | None = None,
        shuffle_names: int | None = None,
        held_out_classes: Sequence[str] | None = None,
        pretrained: None = None,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        _check_given(clip=clip, class_names=class_names, neck=neck, decode_head=decode_head)
        refuse_pretrained(pretrained)
        if prompter is not None and dict(backbone).get('dense', '') is None:
            raise ValueError(
                'model.backbone.dense=None leaves no embedding that text could be compared with; '
                'leave it out, or set model.prompter=None'
            )
        data_preprocessor, _ = with_pixels(data_preprocessor, clip, backbone)
        BaseSegmentor.__init__(self, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.class_names = tuple(class_names)
        towers = load_clip(**clip)
        if prompter is None:
            backbone, losses = without_text(backbone, losses)
        self.backbone = build_backbone(backbone, towers, self.class_names)
        self.prompter = None
        if prompter is not None:
            names = class_names if shuffle_names is None else shuffled(class_names, shuffle_names)
            self.prompter = build_prompter(prompter, towers, names, self.backbone)
        check_kind('model.neck', MODELS.get(neck['type']), BaseNeck)
        self.neck = MODELS.build(dict(neck), default_args=neck_sizes(self))
        self._init_decode_head(
            head_config(decode_head, self.neck.out_channels, self.backbone, self.class_names)
        )
        self.score_level = score_level_for(self.decode_head, self.neck)
        self.held_out = build_held_out(self.class_names, held_out_classes, self.decode_head)
        self.losses = build_losses(losses)
        check_ignore_index(self.decode_head, self.losses, self.data_preprocessor)
        freeze_unused(self)
        self.train_cfg, self.test_cfg = train_cfg or {}, test_cfg or {}
        check_memory_budget(self.test_cfg.get('memory_budget'), BUDGET_KEY)
        window_grid((1, 1), self.test_cfg)  # refuses a grid that does not work

    @property
    def trained_classes(self) -> Tensor | None:
        """(K',) ids of the classes that give a training signal; None where all do."""
        return None if self.held_out is None else self.held_out.kept

    def encode_images(self, images: Tensor) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), padded to a size that the backbone divides."""
        features = self.backbone(pad_images(images, self.backbone.size_divisor))
        check_features(self.backbone, features, images.shape[0])
        return features

    @staticmethod
    def fill_pixels(model: dict) -> str | None:
        """Fills in mean and deviation where a model's config leaves them out.

        Args:
            model: the config, changed in place.

        Returns:
            what the user has to know about them, in a sentence; None for nothing.
        """
        given, backbone = model.get('data_preprocessor'), model.get('backbone') or {}
        filled, note = with_pixels(given, model.get('clip') or {}, backbone)
        if filled is not given:
            model['data_preprocessor'] = filled
        return note

    def encode_text(self, features: CLIPFeatures, static: Tensor | None = None) -> Tensor | None:
        """(B or 1, K, D), not normalised; None for a model without text.

        Args:
            features: of the backbone.
            static: (1, K, D), the prompter's static text where it is there already.
        """
        if self.prompter is None:
            return None
        encode = self.prompter if static is None else partial(self.prompter.refine, static)
        text = encode(features)
        batch, classes = features.pyramid[0].shape[0], len(self.class_names)
        check_text(self.prompter, text, batch, classes, self.backbone.embed_dim)
        return text

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """The losses of one pass, each the mean over its own units in this batch.

        The training loop weighs them, so that they make up the mean over the global batch.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples with ``gt_sem_seg`` (1, H, W).

        Returns:
            ``decode.*`` of the head and ``loss_*`` of each alignment loss, scalars.
        """
        divisor = self.backbone.size_divisor
        data_samples = pad_samples(data_samples, divisor, self.decode_head.ignore_index)
        features = self.encode_images(inputs)
        text = self.encode_text(features)  # (B or 1, K, D)
        decoder_inputs, score_maps = self.decoder_inputs(features, text)
        if self.held_out is not None:
            data_samples = self.held_out.hide_samples(data_samples)
        losses = self._head_loss(decoder_inputs, data_samples)
        if self.held_out is not None:
            score_maps = [self.held_out.drop(score_map) for score_map in score_maps]
            interim = tuple(self.held_out.drop(semantic) for semantic in features.interim)
            features = features._replace(interim=interim)
            text = None if text is None else self.held_out.drop(text)
        labels = torch.stack([sample.gt_sem_seg.data.squeeze(0) for sample in data_samples])
        for name, loss in self.losses.items():
            value = loss(features, text, score_maps, labels)
            check_losses(f'model.losses.{name}', loss, value)
            losses[f'loss_{name}'] = value
        return losses

    def _head_loss(
        self, inputs: tuple[Tensor, ...], data_samples: list[SegDataSample]
    ) -> dict[str, Tensor]:
        """The decode head's losses and accuracy, with MMSegmentation's prefix."""
        head = self.decode_head
        if type(head).loss is BaseDecodeHead.loss:
            logits = head(inputs)
            check_logits(head, logits, len(inputs[0]))
            logits = logits if self.held_out is None else self.held_out.drop(logits)
            losses = head.loss_by_feat(logits, data_samples)
        else:  # of more than dense logits
            losses = head.loss(inputs, data_samples, self.train_cfg)
        check_losses('model.decode_head', head, losses)
        return add_prefix(losses, 'decode')

    def test_step(self, data: dict) -> list[SegDataSample]:
        """Predictions for a batch as it comes from a loader; its pictures may differ in size.

        Pictures of one size go through together, so nothing is padded for a neighbour's sake.
        """
        return in_groups(super().test_step, data)

    def val_step(self, data: dict) -> list[SegDataSample]:
        """The same in a validation."""
        return self.test_step(data)

    def test_step_with_maps(self, data: dict, classes: Sequence[int]) -> list[SegDataSample]:
        """``test_step``, and the score maps of a few classes.

        Args:
            data: ``inputs`` and ``data_samples`` of a batch, as they come from a loader.
            classes: ids of those whose maps are wanted.

        Returns:
            samples as of :meth:`predict`, with text also ``score_maps`` (len(classes), H0, W0).
        """
        return self.predict(**self.data_preprocessor(data, False), keep_classes=classes)

    @torch.no_grad()
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
            the samples with ``pred_sem_seg`` (1, H0, W0); with text ``pred_score_map`` (1, H0, W0),
            the best class of the score map alone; with ``test_cfg.keep_logits`` also
            ``seg_logits`` and ``score_logits`` (K, H0, W0); with text and ``keep_classes`` also
            ``score_maps`` (len(keep_classes), H0, W0), cosines.
        """
        samples = data_samples or [SegDataSample() for _ in inputs]
        keep_logits, few = self.test_cfg.get('keep_logits', False), list(keep_classes)
        results = self._inference(inputs, [sample.metainfo for sample in samples], few)
        names = (('pred_sem_seg', 'seg_logits'), ('pred_score_map', 'score_logits'))
        for pictures, (prediction, logits) in zip(results, names, strict=False):
            for sample, result in zip(samples, pictures, strict=True):
                sample.set_data({prediction: PixelData(data=result.best[None])})
                if keep_logits:
                    sample.set_data({logits: PixelData(data=result.logits)})
                if few and logits == 'score_logits':
                    maps = result.logits[few] if keep_logits else result.logits
                    sample.set_data({'score_maps': PixelData(data=maps)})
        return samples

    def _inference(
        self, inputs: Tensor, metas: list[dict], keep_classes: list[int]
    ) -> list[list[Result]]:
        """What the head and, with text, the score map make of each picture."""
        static = self.static_text()
        inputs, metas = padded_to(math.ceil(max(self.backbone.strides)), inputs, metas)
        grid = window_grid(inputs.shape[2:], self.test_cfg)
        keep_logits, divisor = self.test_cfg.get('keep_logits', False), self.backbone.size_divisor
        forward = partial(self._maps, static=static)
        budget = self.test_cfg.get('memory_budget', MEMORY_BUDGET)
        return predict_maps(
            forward, inputs, metas, grid, divisor, keep_logits, budget, keep_classes
        )

    def _maps(self, images: Tensor, static: Tensor | None) -> list[Tensor]:
        """Head logits and, with text, score map of padded images, each at its own resolution."""
        features = self.encode_images(images)
        text = self.encode_text(features, static)
        decoder_inputs, _ = self.decoder_inputs(features, text)
        maps = [self.decode_head.forward(decoder_inputs)]
        check_logits(self.decode_head, maps[0], images.shape[0])
        if text is not None:
            maps.append(cosine_score_map(features.dense, text))
        return maps

    def logits(self, images: Tensor) -> Tensor:
        """Head logits (B, K, h, w) at the network's own resolution, that of the padded pictures.

        Args:
            images: (B, 3, H, W), normalised.
        """
        return self._maps(images, None)[0]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict] | None = None) -> Tensor:
        """Head logits (B, K, H, W) of whole pictures, for MMSegmentation's tools."""
        grid, divisor = window_grid(inputs.shape[2:], {}), self.backbone.size_divisor
        metas = [{}] * len(inputs)
        maps = predict_maps(lambda x: self._maps(x, None)[:1], inputs, metas, grid, divisor, True)
        return torch.stack([result.logits for result in maps[0]])

    def static_text(self) -> Tensor | None:
        """(1, K, D), what of the text does not depend on the picture; None for nothing."""
        return None if self.prompter is None else self.prompter.static_text()

    def with_classes(self, class_names: Sequence[str], head: str | None = None) -> 'CLIPSegmentor':
        """The same model over the same weights for any names; see :class:`OtherClasses`.

        Args:
            class_names: K names; ``;`` stands between synonyms.
            head: None for the decode head, ``'score_map'`` for the score map in its place.

        Raises:
            UserError: the model has no text, its prompter or its head knows its own classes alone.
        """
        from .other_classes import OtherClasses

        return OtherClasses.of(self, class_names, head)

    def prediction_memory(self, size: Sequence[int], disk: Sequence[int]) -> PredictionMemory:
        """Of a picture of (H, W) ``size`` in the network, (H0, W0) on ``disk``; in bytes."""
        classes, stride = len(self.class_names), min(self.backbone.strides)
        grid = window_grid(size, self.test_cfg)
        return prediction_memory(grid, disk, classes, stride, self.test_cfg)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The decoder's inputs: four maps (B, C, h_i, w_i), and a score map if it takes one."""
        features = self.encode_images(inputs)
        return self.decoder_inputs(features, self.encode_text(features))[0]

    def decoder_inputs(
        self, features: CLIPFeatures, text: Tensor | None
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """What the head takes, and the neck's score maps (B, K, h_i, w_i)."""
        output = self.neck(features, text)
        batch, classes = features.pyramid[0].shape[0], len(self.class_names)
        check_alignment(self.neck, output, batch, len(features.pyramid), classes)
        pyramid, score_maps = output
        if self.score_level is None:
            return pyramid, score_maps
        return (*pyramid, score_maps[self.neck.levels.index(self.score_level)]), score_maps


def _check_given(**parts: object) -> None:
    """Raises ValueError for a part that every model of this kind has, and for unresolved names."""
    for name, part in parts.items():
        if part is None:
            raise ValueError(f'model.{name} is None, but CLIPSegmentor needs it')
    names = parts['class_names']
    if isinstance(names, str):
        raise ValueError(
            f"model.class_names={names!r} is no list of names. A run's resolved_config.py holds "
            'the list that ${...} stands for; icpc.load_model takes the run itself'
        )

"""DeepLabV2 over several scales and their maximum, for pseudo masks."""

from collections.abc import Sequence

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from ...errors import UserError
from ...picture_sizes import pad_images, padded_size
from ..dense_crf import TEST_CRF, dense_crf, energies_of_probabilities
from ..stages.picture_scales import pixel_statistics
from ..stages.tag_classifier import TagClassifier, build_backbone
from .balanced_loss import halves, mean_cross_entropy, nearest
from .published_names import our_name
from .summed_aspp import SummedASPP


@MODELS.register_module()
class DeepLabV2(EncoderDecoder):
    """Backbone and summed ASPP at several scales of the picture; the elementwise maximum decides.

    Each scale's logits and their maximum at the first scale's size have a loss, against labels
    that PIL's nearest brings to the logits' size. Balanced, as published for a start from ImageNet,
    it is half the mean over the background and half that over all other pixels: a half of which
    a batch has none is 0 (the published 0 / 0 is nan). Their weights over passes and ranks make up
    the halves of the global batch.

    Args:
        class_names: K names, the background first.
        backbone, clip: as of :class:`TagClassifier`.
        rates: the dilations of the head.
        scales: of the picture; the first one must be 1.
        balanced: False for the plain mean over all labelled pixels, published for a start from
            COCO.
        ignore_index: label that does not count.
        crf: whether predictions go through the dense CRF that is published for the test; then
            pictures must not be resized before.
        data_preprocessor, train_cfg, test_cfg, init_cfg: as in MMSegmentation.

    Raises:
        ValueError: parts that do not fit together.
    """

    fill_pixels = staticmethod(TagClassifier.fill_pixels)

    def __init__(
        self,
        class_names: Sequence[str],
        backbone: dict,
        clip: dict | None = None,
        rates: Sequence[int] = (6, 12, 18, 24),
        scales: Sequence[float] = (1.0, 0.5, 0.75),
        balanced: bool = True,
        ignore_index: int = 255,
        crf: bool = False,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if not rates or min(rates) < 1:
            raise ValueError(f'model.rates must be numbers from 1, got {list(rates)}')
        if not scales or scales[0] != 1 or min(scales) <= 0:
            raise ValueError(f'model.scales must be above 0 and begin with 1, got {list(scales)}')
        BaseSegmentor.__init__(self, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.class_names = tuple(class_names)
        self.scales, self.balanced, self.ignore_index = tuple(scales), balanced, ignore_index
        self.crf = crf
        self.backbone = build_backbone(clip, backbone)
        self.decode_head = SummedASPP(self.backbone.channels[-1], len(self.class_names), rates)
        self.align_corners, self.num_classes = False, len(self.class_names)
        self.out_channels = self.num_classes
        self.train_cfg, self.test_cfg = train_cfg, ConfigDict(dict(mode='whole') | (test_cfg or {}))
        self._sizes: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def levels(self, images: Tensor) -> list[Tensor]:
        """Logits of each scale, and their maximum at the first one's size, (B, K, h, w) each.

        Args:
            images: (B, 3, H, W), normalised.
        """
        images = pad_images(images, self.backbone.size_divisor)
        found = [self._logits_at(images, scale) for scale in self.scales]
        if len(found) == 1:
            return found
        size, pixels = found[0].shape[-2:], images.shape[-2:]
        same = []
        for logits, scale in zip(found, self.scales, strict=True):
            pairs = zip(size, self._covered(pixels, scale), pixels, strict=True)
            cells = [round(side * all_of_it / part) for side, all_of_it, part in pairs]
            whole = F.interpolate(logits, cells, mode='bilinear', align_corners=False)
            same.append(whole[..., : size[0], : size[1]])
        return [*found, torch.stack(same).amax(0)]

    def _logits_at(self, images: Tensor, scale: float) -> Tensor:
        if scale != 1:
            images = F.interpolate(images, scale_factor=scale, mode='bilinear', align_corners=False)
        padded = pad_images(images, self.backbone.size_divisor)
        return self.decode_head(self.backbone(padded).pyramid[-1])

    def _covered(self, size: Sequence[int], scale: float) -> tuple[int, int]:
        """(H, W) in pixels of the picture that the cells of a scale stand for, padding included.

        More than a picture (H, W) where the backbone pads its views.
        """
        divisor = self.backbone.size_divisor
        whole = padded_size(size, divisor)
        view = padded_size([int(side * scale) for side in whole], divisor)
        height, width = (max(w, round(v / scale)) for v, w in zip(view, whole, strict=True))
        return height, width

    def logits(self, images: Tensor) -> Tensor:
        """The maximum over the scales (B, K, h, w) of pictures (B, 3, H, W)."""
        return self.levels(images)[-1]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits (B, K, H, W) of whole pictures or windows."""
        size = padded_size(inputs.shape[-2:], self.backbone.size_divisor)
        logits = F.interpolate(self.logits(inputs), size, mode='bilinear', align_corners=False)
        return logits[..., : inputs.shape[-2], : inputs.shape[-1]]

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Predictions at the size that each picture has on disk; with ``crf`` after it.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples.

        Raises:
            UserError: with ``crf``, a picture that was resized.
        """
        samples = super().predict(inputs, data_samples)
        for sample, picture in zip(samples, inputs, strict=True) if self.crf else ():
            logits = sample.seg_logits.data
            if logits.shape[1:] != picture.shape[1:]:
                raise UserError(
                    f'{sample.get("img_path", "a picture")}: model.crf=True reads the picture as '
                    'it is on disk; take Resize out of test_pipeline'
                )
            mean, std = pixel_statistics(self.data_preprocessor, picture)
            pixels = (picture * std + mean).round().clamp(0, 255).permute(1, 2, 0)
            energies = energies_of_probabilities(logits.softmax(0))
            best = dense_crf(pixels, energies, TEST_CRF).argmax(0)
            sample.set_data({'pred_sem_seg': PixelData(data=best[None])})
        return samples

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.logits(inputs)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """The losses of every level; balanced, each of two halves.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples with ``gt_sem_seg`` (1, H, W).
        """
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        size, losses = inputs.shape[-2:], {}
        for index, logits in enumerate(self.levels(inputs)):
            small = self._at_level(labels, size, index, logits.shape[-2:])
            for name, chosen, share in self._terms(index, small):
                losses[name] = share * mean_cross_entropy(logits, small, chosen)
        return losses

    def _terms(self, level: int, labels: Tensor) -> list[tuple[str, Tensor, float]]:
        """Name, pixels and share of the loss of each term of a level."""
        background, foreground = halves(labels, self.ignore_index)
        if not self.balanced:
            return [(f'loss_{level}', background | foreground, 1.0)]
        return [
            (f'loss_background_{level}', background, 0.5),
            (f'loss_foreground_{level}', foreground, 0.5),
        ]

    def _at_level(
        self, labels: Tensor, size: Sequence[int], level: int, cells: Sequence[int]
    ) -> Tensor:
        """Labels (B, h, w) of a level's cells, of labels (B, H, W) of pictures of a size."""
        scale = self.scales[level] if level < len(self.scales) else 1
        height, width = self._covered(size, scale)
        below, right = height - labels.shape[-2], width - labels.shape[-1]
        padded = F.pad(labels, (0, right, 0, below), value=self.ignore_index)
        return nearest(padded, (cells[0], cells[1]))

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, float]:
        """The pixels of each term at its level's size, so that halves of a step stay halves."""
        units: dict[str, float] = {}
        least = getattr(self.data_preprocessor, 'size', None) or (0, 0)
        for sample in data_samples:
            labels = sample.gt_sem_seg.data
            size = tuple(max(pair) for pair in zip(labels.shape[-2:], least, strict=True))
            for index, cells in enumerate(self._level_sizes(size)):
                small = self._at_level(labels, size, index, cells)
                for name, chosen, _ in self._terms(index, small):
                    units[name] = units.get(name, 0.0) + float(chosen.sum())
        return {'': float(len(data_samples)), **units}

    @torch.no_grad()
    def _level_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """(h, w) of every level's logits for pictures of a size; they depend on nothing else."""
        if size not in self._sizes:
            trains = self.training
            empty = torch.zeros(1, 3, *size, device=next(self.parameters()).device)
            found = self.eval().levels(empty)
            self._sizes[size] = [tuple(logits.shape[-2:]) for logits in found]
            self.train(trains)
        return self._sizes[size]

    def of_published(self, state: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """The weights of a checkpoint of the published DeepLabV2; None for one with other names.

        Args:
            state: its tensors by name.
        """
        if not any(name.endswith('layer1.conv1.conv.weight') for name in state):
            return None
        counters = {n: v for n, v in self.state_dict().items() if n.endswith('num_batches_tracked')}
        return counters | {our_name(name): value for name, value in state.items()}

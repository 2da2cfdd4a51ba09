"""A classifier of tags whose maps say where the classes are: the CAM of CLIMS' first stage."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ...clip import backbone_type, load_clip
from ...clip.pixels import clip_pixels
from ...errors import UserError
from ...picture_sizes import pad_images

_EPSILON = 1e-5  # CLIMS: maps are divided by their maximum and this


@MODELS.register_module()
class TagClassifier(BaseSegmentor):
    """Backbone, 1 x 1 classifier without bias, global average pooling, multi-label soft margin.

    ReLU of the classifier's maps at several scales and flipped, added up, divided by the maximum of
    each class and left out where the class is no tag of the picture, are the CAM.

    Args:
        class_names: K + 1 names, the background first, which has no channel.
        clip: arguments of :func:`icpc.clip.load_clip` for a backbone that is CLIP's image tower;
            None for a backbone of its own, such as ``Stride16ResNet``.
        backbone: its options; without ``type`` the one that CLIP's image tower asks for.
        scales: of the pictures that a CAM is the sum over.
        flip: whether it is the sum over mirrored pictures, too.
        threshold: of the background, in 0..1; above it a pixel is the class of the largest map.
        data_preprocessor, init_cfg: as in MMSegmentation.

    Raises:
        ValueError: parts that do not fit together, or a scale that is not above 0.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        backbone: dict,
        clip: dict | None = None,
        scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),  # CLIMS, with flip and threshold
        flip: bool = True,
        threshold: float = 0.15,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if not scales or not all(one > 0 for one in scales):
            raise ValueError(f'model.scales must be numbers above 0, got {scales}')
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.scales, self.flip, self.threshold = tuple(scales), flip, threshold
        self.class_names = tuple(class_names)
        self.backbone = build_backbone(clip, backbone)
        self.classifier = nn.Conv2d(
            self.backbone.channels[-1], len(self.class_names) - 1, 1, bias=False
        )

    @staticmethod
    def fill_pixels(model: dict) -> None:
        """Fill in mean and deviation of the pixels where a model's config leaves them out."""
        given, backbone = model.get('data_preprocessor'), dict(model.get('backbone') or {})
        if not isinstance(given, dict) or 'mean' in given:
            return
        cls = MODELS.get(backbone['type']) if 'type' in backbone else None
        own = cls.pixels(backbone) if hasattr(cls, 'pixels') else None
        clip = model.get('clip')
        if own is None and clip:
            own = clip_pixels(clip['model'], clip.get('pretrained'))
        if own is not None:
            model['data_preprocessor'] = {**given, 'mean': own.mean, 'std': own.std}

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, float]:
        """Pictures: every loss is the mean over them."""
        return {'': float(len(data_samples))}

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """(B, C, h, w), the backbone's last stage of pictures (B, 3, H, W)."""
        return self.backbone(pad_images(inputs, self.backbone.size_divisor)).pyramid[-1]

    def maps(self, inputs: Tensor) -> Tensor:
        """(B, K, h, w), the classifier's scores at every position, of any sign."""
        return self.classifier(self.extract_feat(inputs))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """The classifier's maps, as MMSegmentation calls logits."""
        return self.maps(inputs)

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.maps(inputs)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """The classification loss, the mean over the pictures.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples with ``tags`` (K,) zeros and ones.
        """
        logits = self.maps(inputs).mean(dim=(2, 3))  # (B, K)
        return {'loss_tags': F.multilabel_soft_margin_loss(logits, self.tags_of(data_samples))}

    def tags_of(self, data_samples: Sequence[SegDataSample]) -> Tensor:
        """(B, K) zeros and ones.

        Raises:
            UserError: samples without tags.
        """
        for sample in data_samples:
            if 'tags' not in sample:
                path = sample.get('img_path', 'a picture')
                raise UserError(
                    f'{path} has no tags: take a data set with tags, and PackSegInputs must pack '
                    "them (meta_keys=[..., 'tags'])"
                )
        tags = [torch.as_tensor(sample.tags) for sample in data_samples]
        return torch.stack(tags).to(self.classifier.weight)

    def cam(self, inputs: Tensor, tags: Tensor | None = None) -> Tensor:
        """(B, K, H, W) class activation maps in 0..1 of pictures of one size.

        Args:
            inputs: (B, 3, H, W), normalised.
            tags: (B, K) zeros and ones; maps of other classes are zero. None keeps all.
        """
        total = inputs.new_zeros(len(inputs), self.classifier.out_channels, *inputs.shape[-2:])
        for scale in self.scales:
            scaled = inputs
            if scale != 1:
                scaled = F.interpolate(inputs, scale_factor=scale, mode='bilinear')
            views = [scaled, scaled.flip(-1)] if self.flip else [scaled]
            for flipped, view in enumerate(views):
                maps = _at(self.maps(view).relu(), view, total.shape[-2:], self.backbone)
                total += maps.flip(-1) if flipped else maps
        if tags is not None:
            total = total * tags[:, :, None, None]
        return total / (total.amax(dim=(2, 3), keepdim=True) + _EPSILON)

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """CAMs, and the classes that they give at the threshold.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples; ``tags``, where they have them, restrict the classes.

        Returns:
            They with ``pred_cam`` (K, H0, W0) and ``pred_sem_seg`` (1, H0, W0), at the size on
            disk.
        """
        samples = data_samples or [SegDataSample() for _ in inputs]
        tags = self.tags_of(samples) if all('tags' in one for one in samples) else None
        for sample, cam in zip(samples, self.cam(inputs, tags), strict=True):
            size = tuple(sample.get('ori_shape', cam.shape[-2:]))[:2]
            if tuple(cam.shape[-2:]) != size:
                cam = F.interpolate(cam[None], size, mode='bilinear', align_corners=False)[0]
            value, best = cam.max(dim=0)
            found = (best + 1) * (value > self.threshold)
            sample.set_data(
                {'pred_cam': PixelData(data=cam), 'pred_sem_seg': PixelData(data=found[None])}
            )
        return samples


def _at(maps: Tensor, view: Tensor, size: Sequence[int], backbone: nn.Module) -> Tensor:
    """Maps of a view, which was padded for the backbone, at the size of the picture."""
    divisor = backbone.size_divisor
    height, width = (-(-side // divisor) * divisor for side in view.shape[-2:])
    if (height, width) != tuple(view.shape[-2:]):
        maps = F.interpolate(maps, (height, width), mode='bilinear', align_corners=False)
        maps = maps[..., : view.shape[-2], : view.shape[-1]]
    return F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)


def build_backbone(clip: dict | None, backbone: dict) -> nn.Module:
    """A backbone of its own type, or CLIP's image tower."""
    if clip is None:
        if 'type' not in backbone:
            raise ValueError('model.backbone needs a type, such as Stride16ResNet, without clip')
        return MODELS.build(dict(backbone))
    towers = load_clip(**clip)
    config = dict(type=backbone_type(towers.visual), dense=None) | dict(backbone)
    return MODELS.build(config, default_args=dict(visual=towers.visual))

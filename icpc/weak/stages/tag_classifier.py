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
from ...picture_sizes import pad_images, padded_size
from .picture_scales import pixel_statistics, rescaled

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

    training_parts = ('adapters', 'prompter')  # of stage 2: maps need none of them

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

    def of_published(self, state: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """The weights of a checkpoint of CLIMS or POLE; None for one with other names.

        Those hold each tensor two or three times; `resnet50.*` and `classifier.weight` are read.

        Args:
            state: its tensors by name.
        """
        known = 'resnet50.'
        own = {name.removeprefix(known): v for name, v in state.items() if name.startswith(known)}
        if not own or 'classifier.weight' not in state:
            return None
        renamed = {f'backbone.net.{name}': value for name, value in own.items()}
        return renamed | {'classifier.weight': state['classifier.weight']}

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

    def cam(self, inputs: Tensor, tags: Tensor | None = None, stride: int = 1) -> Tensor:
        """(B, K, h, w) class activation maps in 0..1 of pictures of one size.

        As published, a scaled view is the picture of 0 .. 255 resized bicubically and rounded.

        Args:
            inputs: (B, 3, H, W), normalised, not resized since they were read.
            tags: (B, K) zeros and ones; maps of other classes are zero. None keeps all.
            stride: pixels a cell, h = ceil(H / stride): 1 gives the whole picture, 4 the cells that
                a random walk begins on.
        """
        size = tuple(-(-side // stride) for side in inputs.shape[-2:])
        total = inputs.new_zeros(len(inputs), self.classifier.out_channels, *size)
        for scale in self.scales:
            view, maps = self.scaled_maps(inputs, scale)
            total += _at(maps, view, size, self.backbone, whole=stride == 1)
        if tags is not None:
            total = total * tags[:, :, None, None]
        return total / (total.amax(dim=(2, 3), keepdim=True) + _EPSILON)

    def scaled_maps(self, inputs: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """The view at a scale, (B, 3, h', w'), and its maps (B, K, h, w), mirrored ones added.

        Args:
            inputs: as of :meth:`cam`.
            scale: of the view.
        """
        view = rescaled(inputs, scale, *pixel_statistics(self.data_preprocessor, inputs))
        maps = self.maps(view).relu()
        if self.flip:
            maps = maps + self.maps(view.flip(-1)).relu().flip(-1)
        return view, maps

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


def _at(maps: Tensor, view: Tensor, size: tuple, backbone: nn.Module, whole: bool) -> Tensor:
    """Maps of a view at the size of the picture's cells; `whole` where that is the picture's own.

    Where the backbone takes any size, those of the whole picture are resized to the pixels that all
    cells of its map cover, and cut, as published; a view that was padded is cut first.
    """
    divisor = backbone.size_divisor
    if divisor > 1:
        maps = F.interpolate(maps, padded_size(view.shape[-2:], divisor), mode='bilinear')
        maps = maps[..., : view.shape[-2], : view.shape[-1]]
    covered = padded_size(size, backbone.strides[-1]) if whole and divisor == 1 else size
    maps = F.interpolate(maps, covered, mode='bilinear', align_corners=False)
    return maps[..., : size[0], : size[1]]


def build_backbone(clip: dict | None, backbone: dict) -> nn.Module:
    """A backbone of its own type, or CLIP's image tower."""
    if clip is None:
        if 'type' not in backbone:
            raise ValueError('model.backbone needs a type, such as Stride16ResNet, without clip')
        return MODELS.build(dict(backbone))
    towers = load_clip(**clip)
    config = dict(type=backbone_type(towers.visual), dense=None) | dict(backbone)
    return MODELS.build(config, default_args=dict(visual=towers.visual))

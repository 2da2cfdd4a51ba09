"""A model as one graph: pictures as they are go in, logits and labels come out."""

import copy
import math

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.models.utils import Upsample
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import UserError
from ..parts import BasePrompter, GivesLogits

_CHANNELS = 3


class OneGraph(nn.Module):
    """Normalises pictures, runs a model's own way and gives what it predicts at their size.

    It is made of a copy of the model. What of the text does not depend on the picture is a constant
    in it; the text tower remains only where the prompts depend on the picture.

    Args:
        model: a ``CLIPSegmentor`` or another ``EncoderDecoder`` of MMSegmentation; it stays as it
            is.

    Attributes:
        multiple: pixels that sides of any length are a multiple of: the largest stride, and what
            the backbone divides.
        mean, std: (3,) of the RGB channels, 0 .. 255.

    Raises:
        UserError: a model of another kind, or a preprocessor that does more than normalise.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        if not isinstance(model, EncoderDecoder):
            raise UserError(
                f'{type(model).__name__} cannot be exported: only models of the kind of '
                "MMSegmentation's EncoderDecoder can (CLIPSegmentor is one)"
            )
        mean, std, self.flips = _normalisation(model.data_preprocessor)
        self.register_buffer('mean', mean[:, None, None], persistent=False)
        self.register_buffer('std', std[:, None, None], persistent=False)
        with torch.no_grad():
            self.model = _plain(copy.deepcopy(model).cpu().float().eval())
        hidden = [m for m in vars(self.model).values() if isinstance(m, nn.Module)]
        self.hidden = nn.ModuleList(map(_plain, hidden))
        backbone = self.model.backbone
        self.divisor = getattr(backbone, 'size_divisor', 1)
        test_cfg = getattr(model.data_preprocessor, 'test_cfg', None) or {}
        self.divisor = math.lcm(self.divisor, test_cfg.get('size_divisor') or 1)
        strides = [math.ceil(stride) for stride in getattr(backbone, 'strides', (32,))]
        self.multiple = math.lcm(max(strides, default=1), self.divisor)
        self.least = max(strides, default=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K, H, W) and labels (B, H, W) int64 of RGB pictures.

        Args:
            pictures: (B, 3, H, W), RGB, 0 .. 255.
        """
        height, width = pictures.shape[2:]
        images = (pictures - self.mean) / self.std
        images = images.flip(1) if self.flips else images
        size = _above(height, self.divisor), _above(width, self.divisor)
        images = F.pad(images, (0, size[1] - width, 0, size[0] - height))
        logits = self._network(images)
        aligned = not isinstance(self.model, GivesLogits) and self.model.align_corners
        logits = F.interpolate(logits, size=size, mode='bilinear', align_corners=aligned)
        logits = logits[:, :, :height, :width]
        if logits.shape[1] == 1:  # MMSegmentation's heads with one channel for two classes
            threshold = getattr(self.model.decode_head, 'threshold', None) or 0.3
            return logits, (logits.sigmoid() > threshold).long().squeeze(1)
        return logits, logits.argmax(dim=1)

    def _network(self, images: Tensor) -> Tensor:
        """(B, K, h, w) of normalised, padded pictures."""
        model = self.model
        if isinstance(model, GivesLogits):
            return model.logits(images)
        features = model.extract_feat(images)
        if not isinstance(model, CascadeEncoderDecoder):
            return _one_map(model.decode_head, model.decode_head.forward(features))
        logits = model.decode_head[0].forward(features)
        for head in model.decode_head[1:]:
            logits = head.forward(features, logits)
        return _one_map(model.decode_head[-1], logits)


def _normalisation(preprocessor: nn.Module) -> tuple[Tensor, Tensor, bool]:
    """Mean and deviation of R, G and B, and whether the network takes B, G, R."""
    if not isinstance(preprocessor, SegDataPreProcessor):
        raise UserError(
            f'model.data_preprocessor is a {type(preprocessor).__name__}; what SegDataPreProcessor '
            'does can be written into a graph, other steps cannot: set its type'
        )
    if (preprocessor.test_cfg or {}).get('size') is not None:
        raise UserError(
            'model.data_preprocessor.test_cfg.size pads every picture to one size, which a graph '
            'does not; take it out'
        )
    flips = not preprocessor._channel_conversion  # pictures are read as B, G, R
    if not preprocessor._enable_normalize:
        return torch.zeros(_CHANNELS), torch.ones(_CHANNELS), flips
    mean, std = (
        value.detach().float().cpu().flatten().expand(_CHANNELS)
        for value in (preprocessor.mean, preprocessor.std)
    )
    return (mean.flip(0), std.flip(0), flips) if flips else (mean, std, flips)


def _plain(model: nn.Module) -> nn.Module:
    """Parts in a form that a graph can hold, in place."""
    for name, child in model.named_children():
        if isinstance(child, BasePrompter) and not child.depends_on_image:
            setattr(model, name, _FixedText(child.static_text()))
        elif isinstance(child, Upsample) and _is_whole(child.scale_factor):
            setattr(model, name, _WholeUpsample(child))
        else:
            _plain(child)
    if hasattr(model, 'memory_budget'):  # no parts: their number would depend on the batch
        model.memory_budget = None
    return model


class _FixedText(BasePrompter):
    """Text (1, K, D) that was encoded before."""

    depends_on_image = False

    def __init__(self, text: Tensor) -> None:
        super().__init__()
        self.register_buffer('text', text.detach().clone())

    def forward(self, features: object = None) -> Tensor:
        """(1, K, D), not normalised."""
        return self.text


class _WholeUpsample(nn.Module):
    """MMSegmentation's ``Upsample`` by a whole number, whose sizes stay symbols."""

    def __init__(self, upsample: Upsample) -> None:
        super().__init__()
        self.factor, self.mode = int(upsample.scale_factor), upsample.mode
        self.align_corners = upsample.align_corners

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, factor * h, factor * w)."""
        size = x.shape[2] * self.factor, x.shape[3] * self.factor
        return F.interpolate(x, size=size, mode=self.mode, align_corners=self.align_corners)


def _is_whole(factor: object) -> bool:
    return isinstance(factor, float) and factor.is_integer()


def _above(length: int, divisor: int) -> int:
    """The least multiple that is not below."""
    return -(-length // divisor) * divisor


def _one_map(head: nn.Module, logits: object) -> Tensor:
    """Raises where a head gives more than dense logits."""
    if not isinstance(logits, Tensor) or logits.dim() != 4:
        raise UserError(
            f'{type(head).__name__} cannot be exported: it gives no logits (B, K, h, w) but a '
            f'{type(logits).__name__}'
        )
    return logits

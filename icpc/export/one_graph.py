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
_STRIDE = 32  # of most backbones


class OneGraph(nn.Module):
    """Normalises pictures, runs a model's own way and gives what it predicts at their size.

    It is made of a copy of the model. What of the text does not depend on the picture is a constant
    in it; the text tower remains only where the prompts depend on the picture.

    Args:
        model: a ``CLIPSegmentor`` or another ``EncoderDecoder`` of MMSegmentation; it stays as it
            is.

    Attributes:
        divisor, least, multiple: pixels, see :func:`steps_of`.
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
        self.divisor, self.least, self.multiple = steps_of(model)

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


def steps_of(model: nn.Module) -> tuple[int, int, int]:
    """What the sides of pictures are padded to, at least are, and are a multiple of in any size.

    Args:
        model: a segmentor.

    Returns:
        The backbone's divisor, its largest stride (32 for one that does not tell it), and the
        least common multiple of both; in pixels.
    """
    strides = getattr(model.backbone, 'strides', None)
    known = isinstance(strides, (list, tuple)) and hasattr(model.backbone, 'size_divisor')
    least = math.ceil(max(strides)) if known else _STRIDE  # `strides` of others are of their stages
    test_cfg = getattr(model.data_preprocessor, 'test_cfg', None) or {}
    divisor = math.lcm(
        getattr(model.backbone, 'size_divisor', 1), test_cfg.get('size_divisor') or 1
    )
    return divisor, least, math.lcm(least, divisor)


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
        elif type(child) is nn.MultiheadAttention and child._qkv_same_embed_dim:
            child.__class__ = _PlainAttention
            _plain(child)
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


class _PlainAttention(nn.MultiheadAttention):
    """Torch's attention without reshapes that compare the batch with the positions."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        **others: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """As the base class; its own way where weights or a mask of the keys are asked for."""
        odd = key_padding_mask is not None or query.dim() != 3 or self.bias_k is not None
        masked = attn_mask is not None and (attn_mask.dim() != 2 or attn_mask.dtype == torch.bool)
        if need_weights or odd or masked or self.add_zero_attn or others.get('is_causal'):
            options = dict(need_weights=need_weights, attn_mask=attn_mask, **others)
            return super().forward(query, key, value, key_padding_mask, **options)
        weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            self._heads(F.linear(x, weight, bias))
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask).transpose(1, 2).flatten(2)
        attended = attended if self.batch_first else attended.transpose(0, 1)
        return self.out_proj(attended), None

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, W) or, with the batch behind, (T, B, W) -> (B, heads, T, d)."""
        x = x if self.batch_first else x.transpose(0, 1)
        return x.unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2)


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

"""CLIP models of open_clip whose image tower comes from timm: ConvNeXt, Swin, EVA and others."""

from collections.abc import Iterable, Sequence

import torch
from mmseg.registry import MODELS
from open_clip.timm_model import TimmModel
from timm.layers.format import Format
from timm.models import ConvNeXt, Eva, SwinTransformer, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from ...parts import BaseBackbone
from ...recomputing import checkpoint_calls
from ...structures import CLIPFeatures
from ..freezing import freeze, keep_eval
from .entering import Channels, ChannelsLast, Enter, Tokens, entering
from .resampling import resampling_blocks
from .vit import default_taps, stage_starts

_ISOTROPIC = (VisionTransformer, Eva)
_STAGED = (ConvNeXt, SwinTransformer)


@MODELS.register_module()
class CLIPTimm(BaseBackbone):
    """A pyramid and joint embeddings of a timm tower, at any picture size.

    Towers with stages (ConvNeXt, Swin) give their four stages; towers with one grid (ViT, EVA) four
    taps through DenseCLIP's resampling blocks, as :class:`CLIPViT`. The joint embedding of a
    position is what the tower's own head makes of a picture that has this position alone: pooling
    is skipped, norm and projection stay, and positions are not mixed (MaskCLIP's reading; ours for
    these towers). Pictures are padded to the tower's stride at the bottom and right.

    Args:
        visual: open_clip's ``TimmModel``; owned (and changed) by this module from now on.
        taps: four block indices of a tower with one grid; by default as :class:`CLIPViT`.
        norm_cfg: norm in the resampling block of the finest level.
        dense: ``'position'``; None leaves the head out (models without text).
        frozen: the whole tower stays as it is.

    Raises:
        ValueError: a tower that cannot take pictures of any size, or taps out of range.
    """

    frozen_options = dict(frozen=True)

    def __init__(
        self,
        visual: nn.Module,
        taps: Sequence[int] | None = None,
        norm_cfg: dict | None = None,
        dense: str | None = 'position',
        frozen: bool = False,
    ) -> None:
        super().__init__()
        trunk = _check_supported(visual)
        if dense not in ('position', None):
            raise ValueError(
                f"backbone.dense of CLIPTimm must be 'position' or None, got {dense!r}"
            )
        self.visual = visual
        self.dense = dense
        checkpoint_calls(self, _blocks(trunk))
        info = trunk.feature_info
        self.isotropic = isinstance(trunk, _ISOTROPIC)
        if self.isotropic:
            taps = default_taps(len(trunk.blocks)) if taps is None else tuple(taps)
        elif taps is not None:
            raise ValueError(
                f'backbone.taps is for towers with one grid, not {type(trunk).__name__}'
            )
        self.taps = tuple(range(4)) if taps is None else taps
        if len(self.taps) != 4 or not all(0 <= tap < len(info) for tap in self.taps):
            raise ValueError(f'backbone.taps must be 4 indices below {len(info)}, got {self.taps}')
        reduction = info[-1]['reduction']
        self.size_divisor = reduction
        self.dense_level = 2 if self.isotropic else 3
        self.channels = tuple(info[tap]['num_chs'] for tap in self.taps)
        self.strides = tuple(reduction * 2.0 ** (i - self.dense_level) for i in range(4))
        self.embed_dim = _embed_dim(visual)
        _accept_any_size(trunk)
        self.resample = (
            resampling_blocks(self.channels[0], norm_cfg or dict(type='BN'))
            if self.isotropic
            else nn.ModuleList(nn.Identity() for _ in range(4))
        )
        if dense is None:
            trunk.prune_intermediate_layers(
                sorted(set(self.taps)), prune_norm=True, prune_head=True
            )
            visual.head = nn.Identity()
        self.frozen = [visual] if frozen else []
        for module in self.frozen:
            freeze(module)
        self.train()

    @property
    def joint_only(self) -> tuple[nn.Parameter, ...]:
        """Norms and head behind the stages, and blocks behind the last tap."""
        trunk = self.visual.trunk
        behind = list(trunk.blocks[max(self.taps) + 1 :]) if self.isotropic else []
        names = ['norm', 'fc_norm', 'attn_pool', 'head'] + ([] if self.isotropic else ['norm_pre'])
        parts = [self.visual.head, *behind, *(getattr(trunk, name, None) for name in names)]
        return tuple(p for part in parts if part is not None for p in part.parameters())

    def level_only(self, level: int) -> Iterable[nn.Parameter]:
        """The resampling block of a level."""
        return self.resample[level].parameters()

    @property
    def shard_units(self) -> list[nn.Module]:
        """The blocks."""
        return _blocks(self.visual.trunk)

    def train(self, mode: bool = True) -> 'CLIPTimm':
        """A frozen tower stays in eval mode."""
        super().train(mode)
        keep_eval(self.frozen)
        return self

    def forward(self, images: Tensor, enter: Enter | None = None) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), normalised as CLIP's.

        Args:
            images: normalised pictures.
            enter: changes what goes into each stage; of a tower with one grid as in `CLIPViT`.
        """
        height, width = images.shape[-2:]
        divisor = self.size_divisor
        images = F.pad(images, (0, -width % divisor, 0, -height % divisor))
        indices = sorted(set(self.taps))
        trunk = self.visual.trunk
        with entering(_stages(trunk, self.taps), enter, self._layout(images)):
            final, maps = trunk.forward_intermediates(images, indices=indices, output_fmt='NCHW')
        by_index = dict(zip(indices, maps, strict=True))
        pyramid = tuple(
            block(by_index[tap]) for block, tap in zip(self.resample, self.taps, strict=True)
        )
        if self.dense is None:
            return CLIPFeatures(pyramid, None, None)
        size = maps[-1].shape[2:]
        dense = self._embed(self._single_positions(final))  # (B * h * w, D)
        dense = dense.unflatten(0, (images.shape[0], *size)).permute(0, 3, 1, 2)
        return CLIPFeatures(pyramid, dense, self._embed(final))

    def _layout(self, images: Tensor) -> Channels:
        """How padded pictures (B, 3, H, W) go through the trunk."""
        if not self.isotropic:
            swin = isinstance(self.visual.trunk, SwinTransformer)
            return ChannelsLast() if swin else Channels()
        size = [side // self.size_divisor for side in images.shape[2:]]
        return Tokens(size, self.visual.trunk.num_prefix_tokens)

    def _embed(self, features: Tensor) -> Tensor:
        return self.visual.head(self.visual.trunk.forward_head(features))

    def _single_positions(self, final: Tensor) -> Tensor:
        """Every position of the last features as a picture of its own."""
        trunk = self.visual.trunk
        if isinstance(trunk, ConvNeXt):
            return final.permute(0, 2, 3, 1).flatten(0, 2)[:, :, None, None]  # (B h w, C, 1, 1)
        if isinstance(trunk, SwinTransformer):
            return final.flatten(0, 2)[:, None, None]  # (B h w, 1, 1, C)
        positions = final[:, trunk.num_prefix_tokens :].flatten(0, 1)[:, None]  # (B h w, 1, C)
        skipped = trunk.num_prefix_tokens if trunk.global_pool.startswith('avg') else 0
        return torch.cat(
            [positions.new_zeros(1, 1, 1).expand_as(positions)] * skipped + [positions], 1
        )


def _check_supported(visual: nn.Module) -> nn.Module:
    if not isinstance(visual, TimmModel):
        raise ValueError(
            f'CLIPTimm needs a CLIP whose image tower is from timm, got {type(visual).__name__}; '
            'leave model.backbone.type out, it follows from the tower'
        )
    trunk = visual.trunk
    if not isinstance(trunk, (*_ISOTROPIC, *_STAGED)):
        raise ValueError(
            f'image towers of type {type(trunk).__name__} are not supported: their positions are '
            'tied to one picture size, or their head does not embed a position alone; supported '
            f'are {", ".join(kind.__name__ for kind in (*_ISOTROPIC, *_STAGED))}'
        )
    return trunk


def _stages(trunk: nn.Module, taps: Sequence[int]) -> list[nn.Module]:
    """What begins each of the four stages."""
    if isinstance(trunk, ConvNeXt):
        return list(trunk.stages)
    if isinstance(trunk, SwinTransformer):
        return list(trunk.layers)
    return [trunk.blocks[start] for start in stage_starts(taps) if start < len(trunk.blocks)]


def _blocks(trunk: nn.Module) -> list[nn.Module]:
    stages = {ConvNeXt: 'stages', SwinTransformer: 'layers'}
    for kind, name in stages.items():
        if isinstance(trunk, kind):
            return [block for stage in getattr(trunk, name) for block in stage.blocks]
    return list(trunk.blocks)


def _accept_any_size(trunk: nn.Module) -> None:
    """What ``dynamic_img_size=True`` / ``strict_img_size=False`` do when timm builds a tower."""
    if isinstance(trunk, ConvNeXt):
        return
    trunk.patch_embed.strict_img_size = False
    if isinstance(trunk, SwinTransformer):
        for stage in trunk.layers:
            for block in stage.blocks:
                block.dynamic_mask = True
        return
    trunk.dynamic_img_size = True
    trunk.patch_embed.flatten = False
    trunk.patch_embed.output_fmt = Format.NHWC
    rope = getattr(trunk, 'rope', None)
    if rope is not None:
        if not hasattr(rope, '_use_cached_embed'):
            raise ValueError('towers with rotary positions need a newer timm: pip install -U timm')
        rope._use_cached_embed = False


def _embed_dim(visual: TimmModel) -> int:
    for layer in reversed([*visual.head.modules()]):
        if isinstance(layer, nn.Linear):
            return layer.out_features
    return visual.trunk.num_classes or visual.trunk.num_features

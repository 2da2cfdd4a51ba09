"""CLIP's ResNet as a segmentation backbone."""

import torch
from mmseg.registry import MODELS
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn
from torch.nn import functional as F

from ...parts import BaseBackbone
from ...recomputing import recomputed
from ...structures import CLIPFeatures
from ..freezing import freeze, keep_eval
from .entering import Enter
from .positions import resize_positions

_DENSE = ('attention', 'value', None)


@MODELS.register_module()
class CLIPResNet(BaseBackbone):
    """Four stages of CLIP's ModifiedResNet, and joint embeddings of picture and positions.

    Args:
        visual: open_clip's image tower; owned (and changed) by this module from now on.
        dense: how positions reach the joint space. ``'attention'``: the attention pool run with
            every position as a query, as DenseCLIP does; ``'value'``: its value and output
            projections alone, so that positions are not mixed (MaskCLIP); None: no embeddings, the
            attention pool is left out (models without text).
        output_stride: 32, or 16 / 8 with the last pools left out and later 3 x 3 convolutions
            dilated instead; the weights stay the same.
        frozen_stages: 0 none; 1 the stem; 2..5 stages 1..4 too; 6 also the attention pool.
        norm_eval: batch norms keep their running statistics.

    Attributes:
        checkpointing: backward computes each block again instead of keeping its activations.
        (the others: see :class:`BaseBackbone`)

    Raises:
        ValueError: not a ModifiedResNet, or a value out of its range.
    """

    frozen_options = dict(frozen_stages=6)

    def __init__(
        self,
        visual: nn.Module,
        dense: str | None = 'attention',
        output_stride: int = 32,
        frozen_stages: int = 0,
        norm_eval: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(visual, ModifiedResNet):
            raise ValueError(
                f'CLIPResNet needs a CLIP with a ResNet image tower, got {type(visual).__name__}; '
                'for a vision transformer set model.backbone.type=CLIPViT'
            )
        if dense not in _DENSE:
            raise ValueError(f'backbone.dense must be one of {_DENSE}, got {dense!r}')
        if output_stride not in (8, 16, 32):
            raise ValueError(f'backbone.output_stride must be 8, 16 or 32, got {output_stride}')
        if not 0 <= frozen_stages <= 6:
            raise ValueError(f'backbone.frozen_stages must be 0 .. 6, got {frozen_stages}')
        self.visual = visual
        self.dense = dense
        self.norm_eval = norm_eval
        self.strides = (4, 8, min(16, output_stride), output_stride)
        self.dense_level = 3
        self.embed_dim = visual.output_dim
        self.channels = tuple(stage[-1].bn3.num_features for stage in self.stages)
        _dilate(visual, output_stride)
        if dense is None:
            visual.attnpool = None
        self.frozen = self._parts()[:frozen_stages]
        for module in self.frozen:
            freeze(module)
        self.train()

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        """Stages 1 .. 4."""
        visual = self.visual
        return visual.layer1, visual.layer2, visual.layer3, visual.layer4

    @property
    def pooled_only(self) -> tuple[nn.Parameter, ...]:
        """With ``dense='value'`` the queries, keys and positions of the attention pool."""
        if self.dense != 'value':
            return ()
        pool = self.visual.attnpool
        return pool.positional_embedding, *pool.q_proj.parameters(), *pool.k_proj.parameters()

    @property
    def joint_only(self) -> tuple[nn.Parameter, ...]:
        """The attention pool."""
        pool = self.visual.attnpool
        return () if pool is None else tuple(pool.parameters())

    @property
    def shard_units(self) -> list[nn.Module]:
        """The blocks of the stages."""
        return [block for stage in self.stages for block in stage]

    def _parts(self) -> list[nn.Module]:
        visual = self.visual
        stem = [visual.conv1, visual.bn1, visual.conv2, visual.bn2, visual.conv3, visual.bn3]
        pool = [] if visual.attnpool is None else [visual.attnpool]
        return [nn.ModuleList(stem), *self.stages, *pool]

    def train(self, mode: bool = True) -> 'CLIPResNet':
        """Frozen parts, and all batch norms with ``norm_eval``, stay in eval mode."""
        super().train(mode)
        keep_eval(self.frozen, self if self.norm_eval else None)
        return self

    def forward(self, images: Tensor, enter: Enter | None = None) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W) of any size from 32 x 32, normalised as CLIP's.

        Args:
            images: normalised pictures.
            enter: changes what goes into each stage.
        """
        x = self.visual.stem(images)
        pyramid = []
        for index, stage in enumerate(self.stages):
            x = x if enter is None else enter(index, x)
            for block in stage:
                x = recomputed(self, block, x)
            pyramid.append(x)
        if self.dense is None:
            return CLIPFeatures(tuple(pyramid), None, None)
        dense, pooled = embed_positions(self.visual.attnpool, x, mix=self.dense == 'attention')
        return CLIPFeatures(tuple(pyramid), dense, pooled)


def embed_positions(pool: AttentionPool2d, x: Tensor, mix: bool) -> tuple[Tensor, Tensor]:
    """CLIP's attention pool for every position at any grid size.

    Args:
        pool: open_clip's attention pool.
        x: (B, C, h, w) features of the last stage.
        mix: let positions attend to each other; otherwise the dense embedding is the value and the
            output projection of each position alone, without its position embedding.

    Returns:
        dense (B, D, h, w) and pooled (B, D), which equals open_clip's at the native size.
    """
    batch, _, height, width = x.shape
    tokens = x.flatten(2).transpose(1, 2)  # (B, h * w, C)
    native = round((len(pool.positional_embedding) - 1) ** 0.5)
    positions = resize_positions(pool.positional_embedding, (native, native), (height, width))
    placed = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1) + positions
    queries = placed if mix else placed[:, :1]

    def heads(y: Tensor) -> Tensor:
        return y.unflatten(2, (pool.num_heads, -1)).transpose(1, 2)

    attended = F.scaled_dot_product_attention(
        heads(pool.q_proj(queries)), heads(pool.k_proj(placed)), heads(pool.v_proj(placed))
    )
    embedded = pool.c_proj(attended.transpose(1, 2).flatten(2))  # (B, 1 + h * w or 1, D)
    dense = embedded[:, 1:] if mix else pool.c_proj(pool.v_proj(tokens))
    return dense.transpose(1, 2).reshape(batch, -1, height, width), embedded[:, 0]


def _dilate(visual: ModifiedResNet, output_stride: int) -> None:
    """Leaves out the pools beyond the output stride; convolutions behind them are dilated."""
    dilation = 1
    for stride, stage in ((16, visual.layer3), (32, visual.layer4)):
        for index, block in enumerate(stage):
            if index == 0 and stride > output_stride:
                block.avgpool = nn.Identity()
                block.downsample[0] = nn.Identity()
            block.conv2.dilation = block.conv2.padding = (dilation, dilation)
            if index == 0 and stride > output_stride:
                dilation *= 2  # this block's own 3 x 3 convolution still runs before the pool

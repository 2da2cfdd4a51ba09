"""CLIP's vision transformer as a segmentation backbone."""

from collections.abc import Iterable, Sequence

import torch
from mmseg.registry import MODELS
from open_clip.transformer import VisionTransformer
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from ...parts import BaseBackbone
from ...recomputing import recomputed
from ...structures import CLIPFeatures
from ..freezing import freeze, keep_eval
from .dense_tokens import PLAIN, dense_rule, dense_tokens
from .entering import Enter, Tokens
from .positions import check_position_rule, resize_positions
from .resampling import resampling_blocks


@MODELS.register_module()
class CLIPViT(BaseBackbone):
    """Four taps of CLIP's ViT resampled to strides 4 .. 32 (patch 16), and its joint embeddings.

    Pictures whose sides are no multiple of the patch are padded with zeros at the bottom and right.

    Args:
        visual: open_clip's image tower; owned by this module from now on.
        taps: four block indices; by default a third, a half, two thirds and the whole of the
            depth (3, 5, 7, 11 of 12: DenseCLIP).
        drop_path: rate of the last block, growing linearly from 0 (DenseCLIP: 0.1).
        norm_cfg: norm between the two transposed convolutions of the finest level.
        dense: how positions reach the joint space: ``'token'``, CLIP's own output tokens;
            ``'value'``, ``'sclip'``, ``'clearclip'`` or ``'naclip'``, for which the last block runs
            once more in another way (:class:`DenseRule`), while pyramid and pooled embedding stay
            as they are; None leaves the projection out (models without text).
        last_block: ``'full'`` or ``'reduced'``, without residual connection and MLP, of the dense
            embedding; None as published: reduced for ClearCLIP and NACLIP.
        gaussian_std: of NACLIP's neighbourhood, in patches, 0 for none; None as published: 5.
        positions: how the position table is resized, see :func:`resize_positions`.
        resample: False gives the four taps themselves as the pyramid, all of the patch's stride,
            and has no resampling blocks: for models that take the dense embedding alone.
        frozen: the whole CLIP tower stays as it is; only the resampling blocks train.
        frozen_blocks: the embedding and this many blocks stay as they are, without drop path.
        double_class_embedding: the class embedding is added twice to the class token, a slip of
            DenseCLIP's code that its published weights need; set by their loader.

    Raises:
        ValueError: not a plain vision transformer, or an option out of its range.
    """

    dense_level = 2
    frozen_options = dict(frozen=True)

    def __init__(
        self,
        visual: nn.Module,
        taps: Sequence[int] | None = None,
        drop_path: float = 0.0,
        norm_cfg: dict | None = None,
        dense: str | None = 'token',
        last_block: str | None = None,
        gaussian_std: float | None = None,
        positions: str = 'size',
        resample: bool = True,
        frozen: bool = False,
        frozen_blocks: int = 0,
        double_class_embedding: bool = False,
    ) -> None:
        super().__init__()
        _check_supported(visual)
        check_position_rule(positions)
        depth = len(visual.transformer.resblocks)
        taps = default_taps(depth) if taps is None else tuple(taps)
        if len(taps) != 4 or list(taps) != sorted(taps) or not 0 <= taps[0] <= taps[-1] < depth:
            raise ValueError(f'backbone.taps must be 4 rising indices below {depth}, got {taps}')
        self.visual = visual
        self.taps = taps
        self.dense = dense
        self.rule = PLAIN if dense is None else dense_rule(dense, last_block, gaussian_std)
        self.positions = positions
        self.double_class_embedding = double_class_embedding
        self.patch = visual.patch_size[0]
        self.size_divisor = self.patch
        width = visual.conv1.out_channels
        self.embed_dim = visual.output_dim
        self.channels = (width,) * 4
        powers = (-2, -1, 0, 1) if resample else (0, 0, 0, 0)
        self.strides = tuple(self.patch * 2.0**power for power in powers)
        rates = torch.linspace(0, drop_path, depth).tolist()  # DenseCLIP
        self.drop_paths = nn.ModuleList(DropPath(r) if r else nn.Identity() for r in rates)
        self.resample = nn.ModuleList([nn.Identity()] * 4)
        if resample:
            self.resample = resampling_blocks(width, norm_cfg or dict(type='BN'))
        if dense is None:
            visual.ln_post, visual.proj = nn.Identity(), None
        if not 0 <= frozen_blocks <= depth:
            raise ValueError(f'backbone.frozen_blocks must be 0 .. {depth}, got {frozen_blocks}')
        self.frozen = self._freeze(frozen, frozen_blocks)
        self.train()

    @property
    def pooled_only(self) -> tuple[nn.Parameter, ...]:
        """The last block's MLP where neither the dense embedding nor a tap goes through it."""
        blocks = self.visual.transformer.resblocks
        if self.rule.full or self.taps[-1] == len(blocks) - 1:
            return ()
        last = blocks[-1]
        return tuple(p for part in (last.ln_2, last.mlp, last.ls_2) for p in part.parameters())

    @property
    def joint_only(self) -> tuple[nn.Parameter, ...]:
        """Norm and projection, and blocks behind the last tap."""
        visual = self.visual
        behind = visual.transformer.resblocks[self.taps[-1] + 1 :]
        projection = () if visual.proj is None else (visual.proj,)
        return *behind.parameters(), *visual.ln_post.parameters(), *projection

    def level_only(self, level: int) -> Iterable[nn.Parameter]:
        """The resampling block of a level."""
        return self.resample[level].parameters()

    @property
    def shard_units(self) -> list[nn.Module]:
        """The blocks' halves, but for a last block that runs in two ways."""
        blocks = self.visual.transformer.resblocks
        blocks = blocks if self.rule.is_plain else blocks[:-1]
        return [part for block in blocks for part in (block.attn, block.mlp)]

    def _freeze(self, whole: bool, blocks: int) -> list[nn.Module]:
        """Freezes the tower or its first blocks; returns what must stay in eval mode."""
        visual = self.visual
        if whole:
            freeze(visual)
            return [visual, self.drop_paths]
        if blocks == 0:
            return []
        parts = [visual.conv1, visual.ln_pre, *visual.transformer.resblocks[:blocks]]
        for part in parts:
            freeze(part)
        visual.class_embedding.requires_grad_(False)
        visual.positional_embedding.requires_grad_(False)
        return [*parts, *self.drop_paths[:blocks]]

    def train(self, mode: bool = True) -> 'CLIPViT':
        """What is frozen stays in eval mode, without drop path."""
        super().train(mode)
        keep_eval(self.frozen)
        return self

    def forward(self, images: Tensor, enter: Enter | None = None) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), normalised with CLIP's mean and deviation.

        Args:
            images: normalised pictures.
            enter: changes what goes into each stage: the blocks up to the first tap, those from
                there to the second, and so on.
        """
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % self.patch, 0, -height % self.patch))
        x, size = self._embed(images)
        layout, starts = Tokens(size, prefix=1), stage_starts(self.taps)
        taps = []
        before = x
        for index, (block, drop) in enumerate(
            zip(self.visual.transformer.resblocks, self.drop_paths, strict=True)
        ):
            if enter is not None and index in starts:
                x = layout.put(x, enter(starts.index(index), layout.take(x)))
            before, x = x, recomputed(self, _block, block, drop, x)
            taps += [layout.take(x)] * self.taps.count(index)
        pyramid = tuple(module(tap) for module, tap in zip(self.resample, taps, strict=True))
        if self.dense is None:
            return CLIPFeatures(pyramid, None, None)
        tokens = self.visual.ln_post(x) @ self.visual.proj  # (B, 1 + h * w, D)
        dense = layout.take(tokens)
        if not self.rule.is_plain:
            own = recomputed(self, dense_tokens, block, drop, before, size, self.rule)
            dense = Tokens(size, prefix=0).take(self.visual.ln_post(own) @ self.visual.proj)
        return CLIPFeatures(pyramid, dense, tokens[:, 0])

    def _embed(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        visual = self.visual
        x = visual.conv1(images)  # (B, C, h, w)
        size = tuple(x.shape[-2:])
        table = visual.positional_embedding
        positions = resize_positions(table, visual.grid_size, size, self.positions)
        first = visual.class_embedding.expand(x.shape[0], 1, -1)
        if self.double_class_embedding:
            first = 2 * first
        x = torch.cat([first, x.flatten(2).transpose(1, 2)], dim=1) + positions
        return visual.ln_pre(x), size


def _block(block: nn.Module, drop: nn.Module, x: Tensor) -> Tensor:
    x = x + drop(block.ls_1(block.attention(block.ln_1(x))))
    return x + drop(block.ls_2(block.mlp(block.ln_2(x))))


def default_taps(depth: int) -> tuple[int, int, int, int]:
    """A third, a half, two thirds and the whole of the depth: (3, 5, 7, 11) of 12."""
    return tuple(max(round(depth * share) - 1, 0) for share in (1 / 3, 1 / 2, 2 / 3, 1))


def stage_starts(taps: Sequence[int]) -> tuple[int, int, int, int]:
    """The first block of each stage, where stages end at the taps."""
    return 0, *(tap + 1 for tap in taps[:3])


def _check_supported(visual: nn.Module) -> None:
    if not isinstance(visual, VisionTransformer):
        raise ValueError(
            f'CLIPViT needs a CLIP with a vision transformer, got {type(visual).__name__}; '
            'for a ResNet set model.backbone.type=CLIPResNet'
        )
    odd = {type(b).__name__ for b in visual.transformer.resblocks} - {'ResidualAttentionBlock'}
    reasons = {
        f'blocks of type {", ".join(sorted(odd))}': bool(odd),
        'an attentional pool': visual.attn_pool is not None,
        'a norm behind the pooling': visual.final_ln_after_pool,
        f'pool_type={visual.pool_type!r}': visual.pool_type != 'tok',
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        raise ValueError(
            'CLIPViT supports plain vision transformers pooled at the class token; this one has '
            + ', '.join(found)
        )

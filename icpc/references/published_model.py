"""A DenseCLIP model from the shapes of its published weights alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..clip.denseclip import load_denseclip
from ..clip.text.vocabulary import PackedNames, tokenize

_VOCABULARY = 49408  # CLIP's byte-pair tokens
_TOKENS = 'text_encoder.token_embedding.weight'


@dataclass(frozen=True)
class Unrecorded:
    """What the shapes of weights cannot tell; the defaults are CLIP's and DenseCLIP's.

    Attributes:
        image_heads: attention heads of the vision transformer, or of the ResNet's attention pool.
        text_heads: of the text transformer.
        decoder_heads: of the context decoder.
        taps: the four blocks of a vision transformer whose outputs make the pyramid; None for a
            third, a half, two thirds and the whole of the depth.
    """

    image_heads: int
    text_heads: int
    decoder_heads: int = 4
    taps: tuple[int, ...] | None = None

    @classmethod
    def published(cls, state: Mapping[str, Tensor]) -> 'Unrecorded':
        """CLIP's: 32 heads of an attention pool, heads of 64 channels elsewhere."""
        heads = 32 if not is_vit(state) else max(state['backbone.conv1.weight'].shape[0] // 64, 1)
        text = max(state['text_encoder.positional_embedding'].shape[1] // 64, 1)
        return cls(image_heads=heads, text_heads=text)


def is_vit(state: Mapping[str, Tensor]) -> bool:
    """Whether the image tower is a vision transformer."""
    return 'backbone.class_embedding' in state


def depth_of(state: Mapping[str, Tensor]) -> int:
    """Blocks of the vision transformer."""
    return _count(state, r'backbone\.transformer\.resblocks\.(\d+)\.')


def build_published_model(
    state: Mapping[str, Tensor],
    token_rows: tuple[Tensor, Tensor] | None,
    class_names: list[str],
    unrecorded: Unrecorded,
) -> nn.Module:
    """Builds the model that the weights fit and loads them, strictly.

    Args:
        state: published names -> tensors.
        token_rows: ids (R,) and values (R, W) of the token embeddings, where the state has none;
            all other rows are nan, so that reading one shows.
        class_names: K names.
        unrecorded: what the shapes cannot tell.

    Returns:
        A ``CLIPSegmentor`` in eval mode.

    Raises:
        ValueError: weights that do not make up a DenseCLIP segmentation model.
    """
    state = dict(state)
    if token_rows is not None:
        ids, values = token_rows
        state[_TOKENS] = torch.full((_VOCABULARY, values.shape[1]), float('nan'))
        state[_TOKENS][ids] = values
    try:
        config = model_config(state, class_names, unrecorded)
    except KeyError as error:
        raise ValueError(f'not the weights of a DenseCLIP segmentation model: no {error}') from None
    model = MODELS.build(config)
    load_denseclip(model, state)
    # DenseCLIP tokenizes a name as it stands; ours reads an underscore as a space.
    model.prompter.pre.names = PackedNames(class_names, [tokenize(name) for name in class_names])
    return model.eval()


def model_config(
    state: Mapping[str, Tensor], class_names: list[str], unrecorded: Unrecorded
) -> dict:
    """The config of :class:`CLIPSegmentor` that fits the weights."""
    positions, width = state['text_encoder.positional_embedding'].shape
    clip = dict(
        embed_dim=state['text_encoder.text_projection'].shape[1],
        quick_gelu=True,
        vision_cfg=(_vit if is_vit(state) else _resnet)(state, unrecorded.image_heads),
        text_cfg=dict(
            context_length=positions,
            vocab_size=len(state[_TOKENS]),
            width=width,
            heads=unrecorded.text_heads,
            layers=_count(state, r'text_encoder\.transformer\.resblocks\.(\d+)\.'),
        ),
    )
    return dict(
        type='CLIPSegmentor',
        class_names=class_names,
        clip=dict(model=clip),
        backbone=dict(taps=unrecorded.taps) if is_vit(state) else {},
        prompter=dict(
            type='PostModelPrompter',
            num_contexts=state['contexts'].shape[-2],
            width=state['context_decoder.text_proj.1.weight'].shape[0],
            heads=unrecorded.decoder_heads,
            layers=_count(state, r'context_decoder\.decoder\.(\d+)\.'),
        ),
        neck=dict(type='ScoreConcat', out_channels=state['neck.fpn_convs.0.conv.weight'].shape[0]),
        decode_head=dict(
            type='FPNHead',
            channels=state['decode_head.conv_seg.weight'].shape[1],
            norm_cfg=dict(type='BN'),
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
    )


def _resnet(state: Mapping[str, Tensor], heads: int) -> dict:
    width = state['backbone.layer1.0.conv1.weight'].shape[0]
    grid = _grid(state['backbone.attnpool.positional_embedding'])
    return dict(
        layers=[_count(state, rf'backbone\.layer{stage}\.(\d+)\.') for stage in (1, 2, 3, 4)],
        width=width,
        head_width=width * 32 // heads,  # open_clip: heads = width * 32 / head_width
        image_size=grid * 32,
        patch_size=None,
    )


def _vit(state: Mapping[str, Tensor], heads: int) -> dict:
    width, _, patch, _ = state['backbone.conv1.weight'].shape
    return dict(
        layers=depth_of(state),
        width=width,
        head_width=width // heads,
        patch_size=patch,
        image_size=_grid(state['backbone.positional_embedding']) * patch,
    )


def _grid(table: Tensor) -> int:
    return round((len(table) - 1) ** 0.5)


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return 1 + max(int(m[1]) for m in map(re.compile(pattern).match, state) if m)

"""Which text towers can share the beginning of their prompts."""

from open_clip.transformer import ResidualAttentionBlock
from torch import nn


def check_causal_text(clip: nn.Module) -> None:
    """Raises ValueError, with the reason, for a tower that is not a plain causal transformer.

    Args:
        clip: an open_clip ``CLIP`` or ``CustomTextCLIP``.
    """
    text = getattr(clip, 'text', clip)
    pool_type = getattr(clip, 'text_pool_type', getattr(text, 'pool_type', None))
    if getattr(text, 'attn_mask', None) is None:
        raise ValueError(
            'this CLIP has a bidirectional text tower (no causal mask): a prefix cannot be shared '
            'between classes; choose a CLIP with causal text'
        )
    if getattr(text, 'cls_emb', None) is not None:
        raise ValueError('text towers with an appended class token (CoCa) are not supported')
    if pool_type not in ('argmax', 'eos'):
        raise ValueError(f'text pooling {pool_type!r} is not at the end token; not supported')
    if text.text_projection is None:
        raise ValueError('this text tower has no projection into the joint space')
    for block in text.transformer.resblocks:
        if type(block) is not ResidualAttentionBlock:
            raise ValueError(f'text blocks of type {type(block).__name__} are not supported')
    tokenizer = getattr(clip, 'foreign_tokenizer', None)
    if tokenizer:
        raise ValueError(
            f'the text tower was trained with the tokenizer {tokenizer}; class names are '
            "tokenized with CLIP's own byte pairs here, whose ids it would misread"
        )

"""The one structure that backbones hand on, and the glossary of the letters used in shapes.

B  images in a batch              D  width of CLIP's joint image-text space
K  classes                        W  width of the text transformer's tokens
N  context tokens of a prompt     C_i  channels of pyramid level i
L  tokens of a class name         H, W (beside each other)  picture size in pixels
T  name tokens of all classes     h, w  size of a feature grid
"""

from typing import NamedTuple

from torch import Tensor


class CLIPFeatures(NamedTuple):
    """What a backbone makes of a batch of pictures.

    Attributes:
        pyramid: four maps (B, C_i, H / s_i, W / s_i), finest first.
        dense: (B, D, h, w), an embedding in CLIP's joint space for every position, not normalised;
            None where the model has no text.
        pooled: (B, D), CLIP's embedding of the whole picture, not normalised; None without text.
        interim: logits (B, K, ., .) between the stages of a prompt-matched backbone; else empty.
    """

    pyramid: tuple[Tensor, ...]
    dense: Tensor | None
    pooled: Tensor | None
    interim: tuple[Tensor, ...] = ()

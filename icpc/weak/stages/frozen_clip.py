"""A CLIP that a model learns from, and that is no part of it."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ...alignment import at_least_float32
from ...clip import TextEncoder, backbone_type, load_clip
from ...clip.freezing import freeze
from ...clip.pixels import clip_pixels
from ...parts import BasePrompter
from ...structures import CLIPFeatures


class FrozenCLIP(nn.Module):
    """Both towers of a CLIP, which never train; whoever owns it keeps it out of the state.

    Args:
        teacher: arguments of :func:`icpc.clip.load_clip`. ``image_size`` is the side of the
            pictures that it reads; by default that of its training.

    Attributes:
        size: that side in pixels.
        statistics: (2, 3, 1, 1), CLIP's own mean and deviation of pixels in 0..255.
    """

    def __init__(self, teacher: dict) -> None:
        super().__init__()
        towers = load_clip(**teacher)
        self.visual = towers.visual
        native = self.visual.image_size
        self.size: int = teacher.get('image_size') or (
            native if isinstance(native, int) else native[0]
        )
        self._towers = [towers]  # text towers are made of it
        self.text: TextEncoder | None = None  # of a prompter that needs it in training
        self.embed_dim: int = TextEncoder(towers).embed_dim
        self.backbone: nn.Module | None = None  # for one that sees the picture
        own = clip_pixels(teacher['model'], teacher.get('pretrained'))
        pixels = torch.tensor([own.mean, own.std])[:, :, None, None]
        self.register_buffer('statistics', pixels, persistent=False)
        freeze(self)

    def train(self, mode: bool = True) -> 'FrozenCLIP':
        """Stays in eval mode."""
        super().train(False)
        return self

    def embed(self, images: Tensor) -> Tensor:
        """(M, D), not normalised, float32, of pictures (M, 3, size, size); M may be 0."""
        if not len(images):
            return images.new_zeros(0, self.embed_dim)
        return at_least_float32(self.visual(images))

    @torch.no_grad()
    def features(self, images: Tensor) -> CLIPFeatures:
        """What prompters see of pictures (B, 3, H, W): embeddings of each whole and of positions.

        The pictures are squashed to a square, as the masked ones are.
        """
        square = F.interpolate(images, (self.size, self.size), mode='bilinear', align_corners=True)
        return self.backbone(square)

    @torch.no_grad()
    def texts(self, names: Sequence[str], template: str) -> Tensor:
        """(N, D), not normalised, of a sentence for each name; N may be 0."""
        if not names:
            return torch.zeros(0, self.embed_dim)
        prompter = MODELS.build(
            dict(type='TemplatePrompter', template=template),
            default_args=dict(text_encoder=TextEncoder(self._towers[0]), class_names=list(names)),
        )
        return prompter()[0].clone()

    def prompter(self, config: dict, names: Sequence[str]) -> nn.Module:
        """A prompter for N names; the text tower is no part of its state.

        Args:
            config: the prompter's, with options of the text tower under ``text_encoder``.
            names: N of them.

        Raises:
            ValueError: no prompter, or options for a text tower that it does not use.
        """
        config = dict(config)
        options = dict(config.pop('text_encoder', None) or {})
        cls = MODELS.get(config['type'])
        if cls is None or not issubclass(cls, BasePrompter):
            raise ValueError(f'model.prompter.type={config["type"]!r} is no prompter')
        if not cls.uses_text:
            raise ValueError(f'model.prompter.type={config["type"]} reads no names; leave it out')
        self.text = TextEncoder(self._towers[0], **options)
        prompter = MODELS.build(
            config, default_args=dict(text_encoder=self.text, class_names=list(names))
        )
        if prompter.depends_on_image:
            kind = backbone_type(self.visual)
            own = dict(resample=False) if kind == 'CLIPViT' else {}
            self.backbone = MODELS.build(
                dict(type=kind, **own), default_args=dict(visual=self.visual)
            )
            freeze(self.backbone)
        for module in prompter.modules():
            if module._modules.pop('text_encoder', None) is not None:
                object.__setattr__(module, 'text_encoder', self.text)
        return prompter

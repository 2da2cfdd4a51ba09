"""DenseCLIP's other mode: any ImageNet backbone beside CLIP's text tower."""

import re

import timm
from mmseg.registry import MODELS
from timm.layers.format import Format
from torch import Tensor, nn
from torch.nn import functional as F

from ..clip.freezing import freeze, keep_eval
from ..clip.pixels import Pixels, scaled
from ..clip.vision.entering import Channels, ChannelsLast, Enter, entering
from ..clip.vision.resnet import AttentionPool2d, embed_positions
from ..clip.weights import differences, read_state_dict
from ..errors import did_you_mean
from ..parts import BaseBackbone
from ..recomputing import checkpoint_calls
from ..structures import CLIPFeatures

_MODEL = 'resnet50'  # DenseCLIP's


@MODELS.register_module()
class ImageNetBackbone(BaseBackbone):
    """A timm network with four stages, and an attention pool into the joint space from scratch.

    DenseCLIP (arXiv 2112.01518, section 3.4) trains an ImageNet ResNet or Swin with CLIP's text
    tower; the attention pool that CLIP's own ResNet has starts at random here. CLIP's image tower
    is not used: of ``model.clip`` (DenseCLIP: ViT-B-16-quickgelu) the text tower stays alone.

    Args:
        visual: open_clip's image tower; only its joint width D is read.
        model: timm's name, such as ``'resnet50'`` or ``'swin_tiny_patch4_window7_224'``.
        pretrained: True downloads timm's ImageNet weights; a path loads a ``.safetensors`` or
            ``.pth`` file in timm's names; False starts at random.
        heads: the heads of the attention pool (CLIP's ResNets: 32).
        grid: side of the pool's position table, resized at every forward (CLIP at 224 pixels: 7).
        drop_path: stochastic depth of the network.
        dense: ``'attention'``; None leaves the pool out (models without text).
        norm_eval: batch norms keep their running statistics.
        frozen: the network stays as it is; only the attention pool trains.

    Raises:
        ValueError: unknown name, not four stages of strides 4 to 32, or heads off the width.
    """

    dense_level = 3
    size_divisor = 32
    frozen_options = dict(frozen=True)

    def __init__(
        self,
        visual: nn.Module,
        model: str = _MODEL,
        pretrained: bool | str = True,
        heads: int = 32,
        grid: int = 7,
        drop_path: float = 0.0,
        dense: str | None = 'attention',
        norm_eval: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        if dense not in ('attention', None):
            raise ValueError(f"backbone.dense must be 'attention' or None, got {dense!r}")
        width = getattr(visual, 'output_dim', None)
        if width is None:
            raise ValueError(
                f'ImageNetBackbone does not know the joint width of a {type(visual).__name__}; set '
                'model.clip.model=ViT-B-16-quickgelu, whose text tower DenseCLIP takes'
            )
        self.embed_dim = width
        self.stages = _stages(model, pretrained, drop_path)
        self.strides = tuple(self.stages.feature_info.reduction())
        if self.strides != (4, 8, 16, 32):
            raise ValueError(
                f'backbone.model={model!r} has stages of strides {list(self.strides)}, not 4, 8, '
                '16, 32; choose a network with four stages, such as resnet50 or a swin'
            )
        self.channels = tuple(self.stages.feature_info.channels())
        self.norm_eval = norm_eval
        self.frozen = [self.stages] if frozen else []
        for module in self.frozen:
            freeze(module)
        checkpoint_calls(self, self.shard_units)
        self.pool = None
        if dense is not None:
            if self.channels[-1] % heads:
                raise ValueError(f'backbone.heads={heads} does not divide {self.channels[-1]}')
            self.pool = AttentionPool2d(grid, self.channels[-1], heads, self.embed_dim)
        self.train()

    @staticmethod
    def pixels(options: dict) -> Pixels | None:
        """What pictures are normalised with for a network of timm; None for an unknown one.

        Args:
            options: of the class.
        """
        model = options.get('model', _MODEL)
        config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
        return config and scaled(config.mean, config.std, f'{model} of timm')

    @property
    def joint_only(self) -> tuple[nn.Parameter, ...]:
        """The attention pool."""
        return () if self.pool is None else tuple(self.pool.parameters())

    @property
    def shard_units(self) -> list[nn.Module]:
        """The stages."""
        return [part for part in self.stages.children() if [*part.children()]]

    def _stage_modules(self) -> list[nn.Module]:
        """What begins each of the four stages."""
        names = self.stages.feature_info.module_name()
        return [self.stages[name.replace('.', '_')] for name in names]

    def train(self, mode: bool = True) -> 'ImageNetBackbone':
        """A frozen network, and with ``norm_eval`` all batch norms, stay in eval mode."""
        super().train(mode)
        keep_eval(self.frozen, self if self.norm_eval else None)
        return self

    def forward(self, images: Tensor, enter: Enter | None = None) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), padded to a multiple of 32 at the bottom and right.

        Args:
            images: normalised pictures.
            enter: changes what goes into each stage.
        """
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % self.size_divisor, 0, -height % self.size_divisor))
        last = self.stages.output_fmt == Format.NHWC
        with entering(self._stage_modules(), enter, ChannelsLast() if last else Channels()):
            pyramid = self.stages(images)
        if last:
            pyramid = [stage.permute(0, 3, 1, 2) for stage in pyramid]
        if self.pool is None:
            return CLIPFeatures(tuple(pyramid), None, None)
        dense, pooled = embed_positions(self.pool, pyramid[-1], mix=True)
        return CLIPFeatures(tuple(pyramid), dense, pooled)


def _stages(model: str, pretrained: bool | str, drop_path: float) -> nn.Module:
    """timm's network as a list of its last four stages, taking pictures of any size."""
    if not timm.is_model(model):
        hint = did_you_mean(model, timm.list_models(), most=3)
        raise ValueError(f'backbone.model={model!r} is no network of timm{hint}')
    stages = timm.create_model(
        model,
        pretrained=pretrained is True,
        features_only=True,
        out_indices=(-4, -3, -2, -1),
        drop_path_rate=drop_path,
    )
    if isinstance(pretrained, str):
        _load(stages, model, pretrained)
    for module in stages.modules():
        if hasattr(module, 'strict_img_size'):
            module.strict_img_size = False
        if hasattr(module, 'dynamic_mask'):
            module.dynamic_mask = True
    return stages


def _load(stages: nn.Module, model: str, path: str) -> None:
    """Loads weights of the whole network, strictly; classifier and last norm are left over."""
    state, _ = read_state_dict(path)
    problems = differences(timm.create_model(model).state_dict(), state)
    if problems:
        raise ValueError(f'{path} does not fit {model}: {"; ".join(problems)}')
    # timm's list of features calls stages_0 what the network calls stages.0.
    names = {name: re.sub(r'^([a-z]+)_(\d+)\.', r'\1.\2.', name) for name in stages.state_dict()}
    stages.load_state_dict(
        {name: state.get(whole, state.get(name)) for name, whole in names.items()}
    )

"""ResNets of timm whose strides, dilations and sizes are those of a published network."""

import timm
from torch import Tensor, nn

from ...clip.freezing import keep_eval
from ...clip.pixels import Pixels, scaled
from ...clip.weights import differences, read_state_dict
from ...errors import did_you_mean
from ...parts import BaseBackbone
from ...structures import CLIPFeatures

_WIDTH = 64  # of timm's stems


class TimmResNet(BaseBackbone):
    """The four stages of a ResNet of timm; subclasses change its convolutions.

    Args:
        model: timm's name.
        pretrained: True downloads timm's ImageNet weights; a path loads a `.safetensors` or `.pth`
            file in timm's names; False starts at random.
        norm_eval: batch norms keep their running statistics.
        blocks: of the four stages, for a network of a size of its own; None for the model's.
        width: channels of the stem and of the first stage's narrow convolutions; each stage has
            twice as many as the one before.

    Raises:
        ValueError: not a ResNet of timm, or weights for a network of a size of its own.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool | str,
        norm_eval: bool,
        blocks: tuple[int, ...] | None,
        width: int,
    ) -> None:
        super().__init__()
        known = timm.list_models('resnet*')
        if model.split('.')[0] not in known:
            raise ValueError(
                f'backbone.model={model!r} is no ResNet of timm{did_you_mean(model, known, most=3)}'
            )
        own_size = blocks is not None or width != _WIDTH
        if own_size and pretrained is True:
            raise ValueError(
                'backbone.blocks and backbone.width make a network that ImageNet weights do not '
                'fit: set backbone.pretrained=False, or leave them out'
            )
        if blocks is not None and (len(blocks) != 4 or min(blocks) < 1):
            raise ValueError(f'backbone.blocks must be four numbers from 1, got {list(blocks)}')
        options = {} if blocks is None else dict(layers=tuple(blocks))
        if width != _WIDTH:
            options['channels'] = tuple(width * 2**stage for stage in range(4))
        self.net = timm.create_model(
            model, pretrained=pretrained is True, num_classes=0, global_pool='', **options
        )
        if width != _WIDTH:
            _narrow_stem(self.net, width)
        if isinstance(pretrained, str):
            _load(self.net, pretrained)
        self.channels = tuple(one['num_chs'] for one in self.net.feature_info[1:])
        self.norm_eval = norm_eval
        self.frozen: list[nn.Module] = []

    @property
    def stages(self) -> tuple[nn.Sequential, ...]:
        """The four stages."""
        return self.net.layer1, self.net.layer2, self.net.layer3, self.net.layer4

    @staticmethod
    def pixels(options: dict) -> Pixels | None:
        """What pictures are normalised with; None for a network that timm does not know."""
        model = options.get('model', 'resnet50.tv_in1k')
        config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
        return config and scaled(config.mean, config.std, f'{model} of timm')

    def train(self, mode: bool = True) -> 'TimmResNet':
        """With ``norm_eval`` all batch norms stay in eval mode; otherwise the stem's moves, too."""
        super().train(mode)
        if self.norm_eval:
            keep_eval(self.frozen, self)
        return self

    def forward(self, images: Tensor) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W) of any size."""
        net = self.net
        x = net.maxpool(net.act1(net.bn1(net.conv1(images))))
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return CLIPFeatures(tuple(pyramid), None, None)


def _narrow_stem(net: nn.Module, width: int) -> None:
    """timm's stem always has 64 channels; this one has those of the first stage."""
    if not isinstance(net.conv1, nn.Conv2d):
        raise ValueError('backbone.width: a ResNet with a deep stem; take resnet50')
    first = net.layer1[0]
    net.conv1 = _of_width(net.conv1, width, net.conv1.in_channels)
    net.bn1 = nn.BatchNorm2d(width)
    first.conv1 = _of_width(first.conv1, first.conv1.out_channels, width)
    if first.downsample is not None:
        old = first.downsample[0]
        first.downsample[0] = _of_width(old, old.out_channels, width)


def _of_width(conv: nn.Conv2d, out_channels: int, in_channels: int) -> nn.Conv2d:
    new = nn.Conv2d(
        in_channels, out_channels, conv.kernel_size, conv.stride, conv.padding, bias=False
    )
    nn.init.kaiming_normal_(new.weight, mode='fan_out', nonlinearity='relu')
    return new


def _load(net: nn.Module, path: str) -> None:
    """Loads weights of the whole network; its classifier is left over."""
    state = {n: v for n, v in read_state_dict(path)[0].items() if not n.startswith('fc.')}
    problems = differences(net.state_dict(), state)
    if problems:
        raise ValueError(f'backbone.pretrained={path!r} does not fit: {"; ".join(problems)}')
    net.load_state_dict(state)

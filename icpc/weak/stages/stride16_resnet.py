"""ResNet-50 at stride 16 as CLIMS has it: the last stage keeps its grid, nothing is dilated."""

import timm
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...clip.freezing import freeze, keep_eval
from ...clip.pixels import Pixels, scaled
from ...errors import did_you_mean
from ...parts import BaseBackbone
from ...structures import CLIPFeatures


@MODELS.register_module()
class Stride16ResNet(BaseBackbone):
    """A ResNet of timm whose last stage has stride 1, without dilation; stem frozen.

    Args:
        model: timm's name.
        pretrained: True downloads timm's ImageNet weights; False starts at random.
        norm_eval: batch norms keep their running statistics (stage 1 of CLIMS; its stage 2 does
            not).

    Raises:
        ValueError: not a ResNet of timm.
    """

    def __init__(
        self, model: str = 'resnet50.tv_in1k', pretrained: bool = True, norm_eval: bool = True
    ) -> None:
        super().__init__()
        known = timm.list_models('resnet*')
        if model.split('.')[0] not in known:
            raise ValueError(
                f'backbone.model={model!r} is no ResNet of timm{did_you_mean(model, known, most=3)}'
            )
        self.net = timm.create_model(model, pretrained=pretrained, num_classes=0, global_pool='')
        _without_stride(self.net.layer4[0])
        self.channels = tuple(one['num_chs'] for one in self.net.feature_info[1:])
        self.strides = (4, 8, 16, 16)
        self.norm_eval = norm_eval
        self.frozen = [nn.ModuleList([self.net.conv1, self.net.bn1])]
        freeze(self.frozen[0])
        self.train()

    @staticmethod
    def pixels(options: dict) -> Pixels | None:
        """What pictures are normalised with; None for a network that timm does not know."""
        model = options.get('model', 'resnet50.tv_in1k')
        config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
        return config and scaled(config.mean, config.std, f'{model} of timm')

    def train(self, mode: bool = True) -> 'Stride16ResNet':
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
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            pyramid.append(x)
        return CLIPFeatures(tuple(pyramid), None, None)


def _without_stride(block: nn.Module) -> None:
    """Let the first block of a stage keep its grid."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        elif isinstance(module, nn.AvgPool2d):
            raise ValueError('backbone.model: a ResNet whose shortcut pools; take resnet50')

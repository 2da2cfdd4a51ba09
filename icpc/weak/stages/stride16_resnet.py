"""ResNet-50 at stride 16 as CLIMS has it: the last stage keeps its grid, nothing is dilated."""

from mmseg.registry import MODELS
from torch import nn

from ...clip.freezing import freeze
from .timm_resnet import TimmResNet


@MODELS.register_module()
class Stride16ResNet(TimmResNet):
    """A ResNet of timm whose last stage has stride 1, without dilation; stem frozen.

    Args:
        model: timm's name.
        pretrained: True downloads timm's ImageNet weights; a path loads a `.safetensors` or `.pth`
            file in timm's names; False starts at random.
        norm_eval: batch norms keep their running statistics (stage 1 of CLIMS; its stage 2 does
            not).
        blocks, width: of a network of a size of its own, as of :class:`TimmResNet`.

    Raises:
        ValueError: not a ResNet of timm.
    """

    strides = (4, 8, 16, 16)

    def __init__(
        self,
        model: str = 'resnet50.tv_in1k',
        pretrained: bool | str = True,
        norm_eval: bool = True,
        blocks: tuple[int, ...] | None = None,
        width: int = 64,
    ) -> None:
        super().__init__(model, pretrained, norm_eval, blocks, width)
        _without_stride(self.net.layer4[0])
        self.frozen = [nn.ModuleList([self.net.conv1, self.net.bn1])]
        freeze(self.frozen[0])
        self.train()


def _without_stride(block: nn.Module) -> None:
    """Let the first block of a stage keep its grid."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        elif isinstance(module, nn.AvgPool2d):
            raise ValueError('backbone.model: a ResNet whose shortcut pools; take resnet50')

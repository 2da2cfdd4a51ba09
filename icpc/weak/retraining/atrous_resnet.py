"""DeepLabV2's ResNet at stride 8: the last two stages are dilated instead of strided."""

from mmseg.registry import MODELS
from torch import nn

from ...recomputing import BATCH_NORMS
from ..stages.timm_resnet import TimmResNet

_DILATIONS = (1, 1, 2, 4)  # of the four stages


@MODELS.register_module()
class AtrousResNet(TimmResNet):
    """A ResNet of timm with bottlenecks, as DeepLabV2 has it.

    All blocks of the last two stages are dilated by 2 and 4, the max pool rounds up, and batch
    norms stay as they are: neither their statistics nor their weights train.

    Args:
        model: timm's name.
        pretrained: True downloads timm's ImageNet weights; a path loads a `.safetensors` or `.pth`
            file in timm's names; False starts at random.
        stride_in_1x1: where a stage has a stride, its first 1 x 1 convolution carries it, as
            published; False: the 3 x 3, as timm's weights were trained.
        blocks, width: of a network of a size of its own, as of :class:`TimmResNet`.

    Raises:
        ValueError: not a ResNet of timm with bottlenecks.
    """

    strides = (4, 8, 8, 8)

    def __init__(
        self,
        model: str = 'resnet101.tv_in1k',
        pretrained: bool | str = True,
        stride_in_1x1: bool = True,
        blocks: tuple[int, ...] | None = None,
        width: int = 64,
    ) -> None:
        super().__init__(model, pretrained, True, blocks, width)
        self.net.maxpool.ceil_mode = True
        for dilation, stage in zip(_DILATIONS, self.stages, strict=True):
            for block in stage:
                if not hasattr(block, 'conv3') or not isinstance(self.net.maxpool, nn.MaxPool2d):
                    raise ValueError('backbone.model: a ResNet without bottlenecks; take resnet101')
                block.conv2.dilation = block.conv2.padding = (dilation, dilation)
            stride = stage[0].conv2.stride if dilation == 1 else (1, 1)
            first, second = (stride, (1, 1)) if stride_in_1x1 else ((1, 1), stride)
            stage[0].conv1.stride, stage[0].conv2.stride = first, second
            if stage[0].downsample is not None:
                stage[0].downsample[0].stride = stride
        for module in self.modules():
            if isinstance(module, BATCH_NORMS):
                module.requires_grad_(False)
        self.train()

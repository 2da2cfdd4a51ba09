"""Random weights that let everything matter, as trained ones do."""

import torch
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import nn


@torch.no_grad()
def as_if_trained(model: nn.Module, seed: int = 0) -> nn.Module:
    """Redraws what starts at 0, at 1 or so small that deep features hardly vary.

    Norms and biases are moved, attention is sharp, and a ResNet's running statistics are those of
    random pictures.
    """
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.6, 1.0)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
        elif isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_bias, std=0.1)
        elif isinstance(module, AttentionPool2d):
            for layer, std in ((module.q_proj, 3), (module.k_proj, 3), (module.c_proj, 0.1)):
                nn.init.normal_(layer.weight, std=std * layer.in_features**-0.5)
        if isinstance(getattr(module, 'bias', None), nn.Parameter):
            nn.init.normal_(module.bias, std=0.1)
    for module in model.modules():
        if isinstance(module, ModifiedResNet):
            _measure_statistics(module)
    return model


def _measure_statistics(visual: ModifiedResNet) -> None:
    norms = [module for module in visual.modules() if isinstance(module, nn.BatchNorm2d)]
    modes = [(norm, norm.training) for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    x = visual.stem(torch.randn(4, 3, 64, 64))
    for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = stage(x)
    for norm, mode in modes:
        norm.train(mode)
        norm.momentum = 0.1
        norm.running_var.clamp_(min=0.1)  # of a channel that random weights switch off

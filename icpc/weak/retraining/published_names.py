"""Names of the published DeepLabV2's tensors, and ours."""

import re

_BLOCK = {'reduce': 1, 'conv3x3': 2, 'increase': 3}  # published names of a block's convolutions


def our_name(name: str) -> str:
    """`base.layer3.block1.reduce.conv.weight` -> `backbone.net.layer2.0.conv1.weight`.

    Args:
        name: published, with or without `base.`.
    """
    name = name.removeprefix('base.')
    if name.startswith('aspp.'):
        return name.replace('aspp.', 'decode_head.', 1)
    name = re.sub(r'^layer1\.conv1\.(conv|bn)\.', r'\g<1>1.', name)
    found = re.fullmatch(r'layer(\d)\.block(\d+)\.(\w+)\.(conv|bn)\.(\w+)', name)
    if found:
        stage, block, part, kind, rest = found.groups()
        if part == 'shortcut':
            inner = f'downsample.{int(kind == "bn")}'
        else:
            inner = f'{kind}{_BLOCK.get(part, part)}'
        name = f'layer{int(stage) - 1}.{int(block) - 1}.{inner}.{rest}'
    return f'backbone.net.{name}'

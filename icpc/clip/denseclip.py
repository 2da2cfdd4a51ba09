"""Published DenseCLIP checkpoints in our modules: the name map, and a loader strict both ways.

| published                            | ours                                       |
|--------------------------------------|--------------------------------------------|
| backbone.fpn1 .. fpn4                | backbone.resample.0 .. 3                   |
| backbone.*                           | backbone.visual.*                          |
| text_encoder.transformer.resblocks.* | prompter.pre.text_encoder.blocks.*         |
| text_encoder.*                       | prompter.pre.text_encoder.*                |
| contexts (1, N, W)                   | prompter.pre.contexts (N, W)               |
| context_decoder.*, gamma             | prompter.refiner.decoder.*, .gamma         |
| neck.*                               | neck.fpn.*                                 |
| decode_head.*                        | decode_head.*                              |
"""

import re

from torch import Tensor, nn

from .vision.vit import CLIPViT
from .weights import differences

_RULES = (
    (r'backbone\.fpn([1-4])\.', lambda m: f'backbone.resample.{int(m[1]) - 1}.'),
    (r'backbone\.', 'backbone.visual.'),
    (r'text_encoder\.transformer\.resblocks\.', 'prompter.pre.text_encoder.blocks.'),
    (r'text_encoder\.', 'prompter.pre.text_encoder.'),
    (r'contexts$', 'prompter.pre.contexts'),
    (r'gamma$', 'prompter.refiner.gamma'),
    (r'context_decoder\.', 'prompter.refiner.decoder.'),
    (r'neck\.', 'neck.fpn.'),
    (r'decode_head\.', 'decode_head.'),
)
_POSITIONS = 'prompter.pre.text_encoder.positional_embedding'


def our_name(published: str) -> str:
    """The name in our model of a published DenseCLIP weight.

    Raises:
        ValueError: no rule of the map fits.
    """
    for pattern, ours in _RULES:
        name, hits = re.subn('^' + pattern, ours, published)
        if hits:
            return name
    raise ValueError(
        f'{published!r} is no weight of a published DenseCLIP segmentation model; '
        'see the map in icpc/clip/denseclip.py'
    )


def load_denseclip(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Loads a published DenseCLIP checkpoint; every weight must fit, and none may be left over.

    The text tower's position table is cut to the rows that the file has (13 as published), and a
    ViT's class embedding counts twice from now on, as it does in DenseCLIP's code.

    Args:
        model: a ``CLIPSegmentor`` with ``PostModelPrompter`` and ``ScoreConcat``; changed in place.
        state: published names -> tensors, see :func:`icpc.clip.weights.read_state_dict`.

    Raises:
        ValueError: another prompter, or missing, unexpected or differently shaped weights.
    """
    state = {our_name(name): value for name, value in state.items()}
    contexts = state.get('prompter.pre.contexts')
    if contexts is not None and contexts.dim() == 3:
        state['prompter.pre.contexts'] = contexts[0]
    pre = dict(model.named_modules()).get('prompter.pre')
    if pre is None or pre.text_tower is None:
        raise ValueError(
            "published DenseCLIP weights need model.prompter=dict(type='PostModelPrompter')"
        )
    if _POSITIONS in state:
        pre.text_tower.cut_positions(len(state[_POSITIONS]))
    problems = differences(model.state_dict(), state)
    if problems:
        raise ValueError(
            f'the DenseCLIP checkpoint does not fit the model: {"; ".join(problems)}. A position '
            'table of another size: set model.clip.image_size to the crop that it was trained at'
        )
    if isinstance(model.backbone, CLIPViT):
        model.backbone.double_class_embedding = True
    model.load_state_dict(state)

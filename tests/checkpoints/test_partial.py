"""Fine-tuning on other classes: the entries of shared names go where the name is."""

import pytest
import torch
from mmengine.config import Config
from tiny_clips import TINY_RESNET, TINY_VIT
from torch import nn

from icpc.checkpoints.fitting import load_weights
from icpc.checkpoints.partial import Partial
from icpc.config.load import fill_model
from icpc.inference.load_model import build

OLD, NEW = ['sky', 'bed', 'tree'], ['tree', 'cat', 'sky', 'dog']
FPN = dict(type='SemanticFPNHead', channels=8, norm_cfg=None)
NECK = dict(type='MultiScaleAlignment', levels=[1, 2], out_channels=8)


def model_of(names: list[str], **parts) -> nn.Module:
    model = dict(
        type='CLIPSegmentor',
        class_names=names,
        clip=dict(model=TINY_VIT),
        backbone=dict(type='CLIPViT', norm_cfg=dict(type='GN', num_groups=2)),
        neck=NECK,
        decode_head=FPN,
        data_preprocessor=dict(type='SegDataPreProcessor', mean=[123.0] * 3, std=[60.0] * 3),
    )
    return build(Config(dict(model=fill_model({**model, **parts}))))


TABLE = {
    'class vectors': (
        dict(prompter=dict(type='ClassVectorPrompter'), losses=dict()),
        ['prompter.vectors', 'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'],
    ),
    'contexts of each class': (
        dict(prompter=dict(type='StaticPrompter', class_specific=True)),
        ['prompter.contexts', 'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'],
    ),
}


@pytest.mark.parametrize('name', TABLE)
@pytest.mark.parametrize('names', [NEW, NEW[:3]], ids=['more', 'as many'])
def test_shared_classes_keep_their_entries(name, names, capsys):
    parts, rows = TABLE[name]
    old, new = model_of(OLD, **parts), model_of(names, **parts)
    for weight in old.parameters():
        nn.init.normal_(weight.data)
    trained, start = old.state_dict(), {k: v.clone() for k, v in new.state_dict().items()}
    checkpoint = {'state_dict': trained, 'meta': {'classes': OLD}}
    load_weights(new, checkpoint, 'a.pth', fine_tunes=True, partial=True)
    got = new.state_dict()
    for key in rows:
        assert torch.equal(got[key][0], trained[key][2])  # tree
        assert torch.equal(got[key][2], trained[key][0])  # sky
        assert torch.equal(got[key][1], start[key][1])  # cat was never trained
    joined = [f'neck.fpn.lateral_convs.{level}.conv.weight' for level in (1, 2)]
    for key in joined:
        width = got[key].shape[1] - len(names)
        assert torch.equal(got[key][:, :width], trained[key][:, :width])
        assert torch.equal(got[key][:, width + 2], trained[key][:, width])
        assert torch.equal(got[key][:, width + 1], start[key][:, width + 1])
    others = got.keys() - {*rows, *joined}
    assert others
    assert all(torch.equal(got[key], trained[key]) for key in others)
    said = capsys.readouterr().out
    assert f'{len(got)} of {len(got)} tensors' in said
    assert '2 shared classes (tree, sky) are taken by name in: ' in said
    assert all(key in said for key in (*rows, *joined))


def test_the_matchers_of_a_backbone_that_knows_classes():
    def model(names):
        return model_of(
            names,
            clip=dict(model=TINY_RESNET),
            backbone=dict(type='PromptMatchedBackbone', dense=None, width=4, tower=dict()),
            prompter=None,
            neck=dict(type='MultiScaleAlignment', levels=[], out_channels=8),
        )

    old, new = model(OLD), model(NEW)
    nn.init.normal_(old.backbone.prior)
    result = Partial(new, old.state_dict(), OLD, NEW)
    assert result.left_out == {}
    assert torch.equal(result.state['backbone.prior'][[0, 2]], old.backbone.prior[[2, 0]])
    read = 'backbone.matchers.1.embed.weight'
    assert torch.equal(result.state[read][:, [0, 2]], old.state_dict()[read][:, [2, 0]])


def test_without_a_shared_class_the_entries_of_classes_are_left_out():
    old, new = model_of(OLD, prompter=None), model_of(['a', 'b', 'c'], prompter=None)
    result = Partial(new, old.state_dict(), OLD, ['a', 'b', 'c'])
    assert set(result.left_out.values()) == {'it has an entry for each class, and none is shared'}
    assert 'decode_head.conv_seg.weight' in result.left_out

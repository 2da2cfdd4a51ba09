"""Files of tiny models: they predict as the model, and say what they are."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS
from random_weights import as_if_trained
from tiny_clips import TINY_RESNET, TINY_VIT
from torch import Tensor, nn

from icpc.errors import UserError
from icpc.export import from_model
from icpc.export.exporters import captured, check_installed
from icpc.export.from_model import export_model
from icpc.export.int8 import quantize
from icpc.export.one_graph import OneGraph, steps_of
from icpc.export.parity import compare, predicted, scene_batches
from icpc.export.picture_folder import batches_of

onnx = pytest.importorskip('onnx')
ort = pytest.importorskip('onnxruntime')
BASES = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'models'
NAMES = ['wall', 'traffic light', 'swimming pool', 'sky', 'sea']
PALETTE = [[index, 2 * index, 3 * index] for index in range(5)]
PIXELS = dict(mean=[123.0, 117.0, 104.0], std=[58.0, 57.0, 56.0])


def build(tower: str = 'resnet', base: str = 'icpc', **parts: object) -> nn.Module:
    """Keyword arguments override parts of a base config, as a config file would."""
    torch.manual_seed(0)
    config = Config.fromfile(BASES / f'{base}.py')
    del config.model['data_preprocessor']
    config.model.decode_head.norm_cfg = {}  # '${...}' that only a whole config resolves
    config.model.held_out_classes = None
    for part in (config.model.decode_head, *config.model.get('losses', {}).values()):
        if 'ignore_index' in part:
            part.ignore_index = 255
    clip = dict(resnet=TINY_RESNET, vit=TINY_VIT)[tower]
    small = dict(
        clip=dict(model=deepcopy(clip), _delete_=True),
        class_names=NAMES,
        neck=dict(out_channels=8),
        decode_head=dict(channels=8, norm_cfg=dict(type='BN')),
        test_cfg=dict(mode='whole', _delete_=True),
    )
    config.merge_from_dict(dict(model=small))
    config.merge_from_dict(dict(model=deepcopy(parts)))
    model = MODELS.build(config.model)
    as_if_trained(model.backbone)
    as_if_trained(model.decode_head)
    model.data_preprocessor = SegDataPreProcessor(**PIXELS, bgr_to_rgb=True)
    return model.eval()


class Tiny(nn.Module):
    """Two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 4, 1)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.second(self.first(x).relu()),)


class Sizing(Tiny):
    """Asks a size as a number."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (super().forward(x)[0] * float(x.mean()),)


def plain_model(backbone: type[nn.Module] = Tiny, **head: object) -> nn.Module:
    """MMSegmentation's own segmentor."""
    torch.manual_seed(0)
    options = dict(in_channels=8, channels=8, num_convs=1, num_classes=5, norm_cfg=dict(type='BN'))
    if backbone.__name__ not in MODELS:
        MODELS.register_module(module=backbone)
    model = MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=dict(type='SegDataPreProcessor', **PIXELS),
            backbone=dict(type=backbone.__name__),
            decode_head=dict(type='FCNHead', align_corners=False, **options) | head,
            train_cfg={},
            test_cfg=dict(mode='whole'),
        )
    )
    return as_if_trained(model).eval()


def write(model: nn.Module, path: Path, kind: str = 'onnx', size: tuple | None = None) -> object:
    return export_model(model, path, kind, NAMES, PALETTE, 'a run', size)


@pytest.mark.parametrize(
    ('make', 'shape'),
    [
        (lambda: build('resnet'), (2, 70, 97)),
        (lambda: build('vit', 'denseclip'), (1, 70, 97)),
        (lambda: build('resnet', 'pmss'), (1, 64, 96)),
        (plain_model, (2, 41, 33)),
        (lambda: plain_model(num_classes=2, out_channels=1, threshold=0.4), (1, 40, 32)),
    ],
    ids=['icpc', 'denseclip-vit', 'pmss', 'bgr', 'one-channel'],
)
def test_the_graph_predicts_as_the_model(make: Callable, shape: tuple) -> None:
    """Normalising, order of the channels, padding and cutting, before any exporter."""
    model = make()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        found = compare(model, OneGraph(model), scene_batches([shape]))
    assert found.equal > 0.9995
    assert found.difference < 1e-4 * max(found.largest, 1)
    assert found.largest > 0.1
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])


def test_onnx_of_any_size_takes_other_batches_and_sizes(tmp_path: Path) -> None:
    """And int8 is made of it; what it says of itself is enough to use it."""
    model = plain_model()
    path = tmp_path / 'model.onnx'
    found = write(model, path)
    assert found.holds(1e-4)
    assert {one[0] for one in found.sizes} == {1, 3}
    proto = onnx.load(path)
    known = json.loads({entry.key: entry.value for entry in proto.metadata_props}['icpc'])
    assert known['classes'] == NAMES
    assert known['palette'] == PALETTE
    assert known['input']['multiple_of'] == 32
    assert known['normalisation']['mean_rgb'] == PIXELS['mean'][::-1]  # the network's are B, G, R
    axes = proto.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ['batch', 3, 'height', 'width']
    pictures = scene_batches([(1, 96, 64)])[0]
    session = ort.InferenceSession(path)  # as docs/export.md says
    (labels,) = session.run(['labels'], {'pictures': pictures.numpy()})
    mask = np.array(known['palette'], np.uint8)[labels[0]]
    assert mask.shape == (96, 64, 3)
    own = predicted(model, pictures)[1].numpy()
    assert (labels == own).mean() > 0.999

    small = tmp_path / 'small.onnx'
    found = quantize(path, small, model, scene_batches([(1, 64, 64), (1, 64, 96)]))
    assert 0.8 < found.equal <= 1
    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert 'DequantizeLinear' in kinds
    assert json.loads(onnx.load(small).metadata_props[0].value) == known


def test_text_that_does_not_depend_on_the_picture_is_a_constant() -> None:
    names = [*OneGraph(build('vit', 'coop')).state_dict()]
    assert 'model.prompter.text' in names
    assert not [name for name in names if 'token_embedding' in name or 'text_encoder' in name]


@pytest.mark.slow
def test_instance_prompts_are_in_the_torch_file(tmp_path: Path) -> None:
    """Its text follows the picture, by the tower that is in it; weights of nothing are not."""
    model = build('resnet')
    path = tmp_path / 'model.pt2'
    assert write(model, path, 'torch', (50, 70)).holds(1e-4)
    extra = {'icpc': ''}
    with path.open('rb') as file:
        program = torch.export.load(file, extra_files=extra)
    assert json.loads(extra['icpc'])['input']['height'] == 50
    names = [name.removeprefix('model.') for name in program.state_dict]
    assert 'prompter.generator.layers.0.weight' in names
    assert 'prompter.text_encoder.blocks.0.mlp.c_fc.weight' in names
    assert not [name for name in names if 'auxiliary' in name or 'num_batches' in name]


TOWERS = ('resnet', 'vit')
_FPN = dict(type='MultiScaleAlignment')
METHODS = {
    **{f'{base}-{tower}': (tower, base, {}) for base in ('icpc', 'coop', 'denseclip', 'pmss')
       for tower in TOWERS},
    **{f'baseline-{tower}': (tower, 'icpc', dict(prompter=None, losses=None)) for tower in TOWERS},
    'attend': ('vit', 'icpc', dict(prompter=dict(type='InstancePrompter', mode='attend'))),
    'concat': ('resnet', 'icpc', dict(prompter=dict(type='InstancePrompter', mode='concat'))),
    'constant': ('vit', 'icpc', dict(prompter=dict(type='InstancePrompter', condition='constant'))),
    'cocoop': ('resnet', 'icpc', dict(prompter=dict(type='CoCoOpPrompter', _delete_=True))),
    'prepost': ('vit', 'icpc', dict(prompter=dict(type='PrePostPrompter', _delete_=True))),
    'own-contexts': (
        'resnet',
        'icpc',
        dict(prompter=dict(type='StaticPrompter', class_specific=True, _delete_=True)),
    ),
    'vectors': ('resnet', 'icpc', dict(prompter=dict(type='ClassVectorPrompter', _delete_=True))),
    'guided': ('resnet', 'icpc', dict(decode_head=dict(type='ScoreGuidedFPNHead'))),
    'one-level': ('vit', 'icpc', dict(neck=dict(levels=[1]))),
    'score-concat': (
        'resnet', 'icpc', dict(neck=dict(type='ScoreConcat', out_channels=8, _delete_=True))
    ),
    'segformer': (
        'vit',
        'icpc',
        dict(
            decode_head=dict(
                type='SegformerHead', channels=8, norm_cfg=dict(type='BN'), _delete_=True
            )
        ),
    ),
    'value': ('resnet', 'icpc', dict(backbone=dict(dense='value'))),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['onnx', 'torch'])
@pytest.mark.parametrize('method', list(METHODS))
def test_every_method_is_exported_for_any_size(method: str, kind: str, tmp_path: Path) -> None:
    tower, base, parts = METHODS[method]
    found = write(
        build(tower, base, **parts),
        tmp_path / f'model{dict(onnx=".onnx", torch=".pt2")[kind]}',
        kind,
    )
    assert found.equal > 0.999


def test_a_file_that_differs_is_not_written(tmp_path: Path, monkeypatch: object) -> None:
    path = tmp_path / 'model.pt2'
    path.write_text('as before')

    def wrong(path: Path) -> Callable:
        return lambda pictures: tuple(x + 1 for x in predicted(model, pictures))

    model = plain_model()
    monkeypatch.setitem(from_model._WRITE, 'torch', (from_model.write_torch, wrong))
    with pytest.raises(UserError, match='was not written, it differs from the model: .*tolerance'):
        write(model, path, 'torch', (32, 32))
    assert path.read_text() == 'as before'
    assert [file.name for file in tmp_path.iterdir()] == ['model.pt2']


def test_what_no_graph_can_hold_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'model\.backbone \(Sizing\) cannot be exported'):
        captured(OneGraph(plain_model(Sizing)), (32, 32))
    with pytest.raises(UserError, match='largest stride of this model is 32'):
        captured(OneGraph(plain_model()), (16, 64))
    with pytest.raises(UserError, match='Linear cannot be exported'):
        OneGraph(nn.Linear(1, 1))
    with pytest.raises(UserError, match='no folder'):
        write(plain_model(), tmp_path / 'none' / 'x.pt2', 'torch')
    with pytest.raises(UserError, match='no pictures'):
        batches_of(tmp_path, plain_model(), None)


def test_missing_libraries_are_told(monkeypatch: object) -> None:
    monkeypatch.setattr('icpc.export.exporters.find_spec', lambda name: None)
    check_installed('torch')
    with pytest.raises(UserError, match=r"needs onnx, onnxscript, onnxruntime.*'icpc\[export\]'"):
        check_installed('onnx')


def test_steps_of_a_vit_and_a_resnet() -> None:
    assert steps_of(build('resnet')) == (1, 32, 32)
    assert steps_of(build('vit')) == (16, 32, 32)
    assert steps_of(plain_model()) == (1, 32, 32)

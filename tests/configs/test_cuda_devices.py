"""Every real config's loss and prediction with fake tensors on a GPU that need not be there.

A fake tensor has a device, a type and a shape, but no numbers: a part that meets a tensor of
another device fails, and so does one that asks the device for a number. What the host works out
from sizes alone for a prediction is put in.
"""

import warnings
from pathlib import Path

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._python_dispatch import TorchDispatchMode

from icpc.config.load import load_config
from icpc.segmentors import inference
from icpc.upsampling import cross_entropy

FOLDER = Path(__file__).parents[2] / 'configs'
METHODS = ('icpc', 'denseclip', 'pmss', 'coop', 'baseline')
LEAVES = sorted(path for method in METHODS for path in (FOLDER / method).glob('*.py'))
WIDE = ('ade20k-full', 'folder')  # labels of 16 bits, names from a file


def kind(path: Path) -> tuple[str, str, bool]:
    """Method, tower, kind of labels; with a tiny CLIP the others are the same model."""
    method, backbone = path.stem.split('_')[:2]
    wide = any(name in path.stem for name in WIDE)
    return method, backbone.replace('rn101', 'rn50'), wide


KINDS = {kind(path): path for path in LEAVES}


@pytest.fixture
def fake(monkeypatch):
    """A mode in which tensors are fake."""
    # Autograd starts a thread for each device that it finds when it first runs, and forbids forks
    # from then on; the mode below brings a device that is not there.
    torch.zeros(1, requires_grad=True).sum().backward()
    mode, plain = FakeTensorMode(), inference._axis_matrices

    def real(*args):
        with unset_fake_temporarily():
            matrices = plain(*args)
        return [one._replace(weights=mode.from_tensor(one.weights)) for one in matrices]

    monkeypatch.setattr(inference, '_axis_matrices', real)

    with warnings.catch_warnings():  # there is no CUDA
        warnings.simplefilter('ignore')
        yield mode


class HostCopies(TorchDispatchMode):
    """Counts what is brought from the host's memory to the device: each time the two wait."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in (*args, result) if isinstance(one, torch.Tensor)]
        copies = func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_)
        if copies and len({one.device.type for one in tensors}) > 1:
            self.found.append(func)
        return result


def on_cuda(model: torch.nn.Module, mode: FakeTensorMode) -> torch.nn.Module:
    """The model with fake parameters and buffers on a GPU."""
    with mode:
        for module in model.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    made = torch.empty(value.shape, dtype=value.dtype, device='cuda')
                    module._parameters[name] = torch.nn.Parameter(made, value.requires_grad)
            for name, value in module._buffers.items():
                if value is not None:
                    made = torch.empty(value.shape, dtype=value.dtype, device='cuda')
                    module._buffers[name] = made
    return model


def is_slow(path: Path) -> bool:
    """Wide labels meet the same parts in each method and tower: one of each tower is enough."""
    method, _, wide = kind(path)
    return wide and method != 'icpc'


@pytest.mark.parametrize(
    'path',
    [pytest.param(p, marks=pytest.mark.slow if is_slow(p) else ()) for p in KINDS.values()],
    ids=lambda path: path.stem,
)
def test_loss_and_prediction(path, fake, tmp_path, tiny_resnet_cfg, tiny_vit_cfg):
    options = {}
    if kind(path)[2]:
        names = tmp_path / 'names.txt'
        names.write_text(''.join(f'thing {i}\n' for i in range(847)))
        options['classes'] = str(names)
    config = load_config(path, options).model
    config.clip = dict(model=tiny_vit_cfg if 'vit' in path.stem else tiny_resnet_cfg)
    config.neck.out_channels = config.decode_head.channels = 8
    config.test_cfg = dict(mode='slide', crop_size=(64, 64), stride=(42, 42))
    config.data_preprocessor = None
    model = on_cuda(revert_sync_batchnorm(MODELS.build(config)), fake).train()
    with fake, torch.no_grad():
        labels = torch.zeros(2, 1, 64, 64, dtype=torch.long, device='cuda')
        samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
        images = torch.randn(2, 3, 64, 64, device='cuda')
        losses = model.loss(images, samples)
        assert {value.device.type for value in losses.values()} == {'cuda'}
        with HostCopies() as copies:
            model.loss(images, samples)
        assert not copies.found  # tables are kept from the first step on
        meta = dict(ori_shape=(90, 60), padding_size=(0, 0, 0, 0))
        samples = [SegDataSample(metainfo=meta)]
        (sample,) = model.eval().predict(torch.randn(1, 3, 96, 64, device='cuda'), samples)
    assert sample.pred_sem_seg.data.device.type == 'cuda'
    assert sample.pred_sem_seg.data.shape == (1, 90, 60)


def test_every_method_tower_and_kind_of_labels_is_there():
    towers = ('rn50', 'vit-b16')
    assert {(m, t, wide) for m in METHODS for t in towers for wide in (False, True)} <= set(KINDS)


def test_the_gradient_of_the_fused_loss(fake):
    with fake, torch.no_grad():
        logits = torch.randn(2, 847, 16, 16, device='cuda', dtype=torch.float16)
        labels = torch.zeros(2, 64, 64, dtype=torch.long, device='cuda')
        loss, accuracy, gradient = cross_entropy._forward(logits, labels, 255, 1.0, True, True)
    assert {x.device.type for x in (loss, accuracy, gradient)} == {'cuda'}
    assert (gradient.shape, gradient.dtype) == (logits.shape, torch.float32)


def test_a_tensor_on_another_device_and_a_question_to_the_device_are_found(fake):
    with fake:
        there = torch.zeros(3, device='cuda')
        with pytest.raises(RuntimeError, match='device'):
            there + torch.zeros(3)
        with pytest.raises(DataDependentOutputException):
            int(there.sum())
        with pytest.raises(DynamicOutputShapeException):
            there.nonzero()
        with HostCopies() as copies:
            torch.tensor([1, 2], device='cuda')
            torch.zeros(3).to('cuda')
        assert len(copies.found) == 2


def test_held_out_classes_and_a_guided_head(fake, tiny_vit_cfg):
    config = load_config(FOLDER / 'icpc' / 'icpc_rn50_fpn_80k_ade20k-512.py', {}).model
    config.clip, config.data_preprocessor = dict(model=tiny_vit_cfg), None
    config.neck.out_channels = config.decode_head.channels = 8
    config.decode_head.type = 'ScoreGuidedFPNHead'
    config.held_out_classes = ['wall', 'sky']
    model = on_cuda(revert_sync_batchnorm(MODELS.build(config)), fake).train()
    with fake, torch.no_grad():
        labels = torch.zeros(2, 1, 60, 70, dtype=torch.long, device='cuda')  # padded to 64 x 80
        samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
        losses = model.loss(torch.randn(2, 3, 60, 70, device='cuda'), samples)
    assert {value.device.type for value in losses.values()} == {'cuda'}

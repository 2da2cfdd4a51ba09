"""Weights of TorchScript archives are read as torch.jit does, and nothing in them runs."""

import contextlib
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from crafted_files import scripted
from torch import nn
from weight_files import openai_archive

from icpc.clip.torchscript_files import torchscript_weights
from icpc.clip.weights import read_state_dict


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit is deprecated; the archives are not
        yield


class Net(nn.Module):
    """Buffers, a plain tensor, lists, shared and strided weights, half precision."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2).half()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.turned = nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
        self.register_buffer('count', torch.tensor([1, 2, 3]))
        self.plain, self.sizes = torch.ones(5), [1, 2, 3]

    def forward(self, x):
        return self.layers(x) * self.scale + self.plain[0] + self.sizes[0]


@pytest.mark.parametrize('way', ['script', 'trace'])
def test_they_are_those_that_torch_reads(tmp_path, way):
    net, path = Net().eval(), tmp_path / 'net.pt'
    made = (
        torch.jit.script(net) if way == 'script' else torch.jit.trace(net, torch.ones(1, 3, 8, 8))
    )
    made.save(str(path))
    expected, found = torch.jit.load(str(path)).state_dict(), torchscript_weights(path)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name


def test_nothing_of_the_archive_runs(tmp_path):
    marker = tmp_path / 'marker'
    path = scripted(tmp_path / 'bad.pt', marker)
    with contextlib.suppress(ValueError):
        read_state_dict(path)
    assert not marker.exists()
    torch.jit.load(str(path))
    assert marker.exists()  # so the archive is one that would


def rewritten(path: Path, name: str, change) -> Path:
    out = path.with_name('changed.pt')
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, 'w') as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename.endswith(name) else data)
    return out


@pytest.mark.parametrize(
    ('name', 'change'),
    [
        ('data.pkl', lambda data: b"cposix\nsystem\n(S'touch marker'\ntR."),
        ('data.pkl', lambda data: data[:40]),
        ('data/0', lambda data: data[:-2]),
        ('data/0', lambda data: data * 2),
    ],
)
def test_a_crafted_or_damaged_archive_is_refused(tmp_path, monkeypatch, name, change):
    monkeypatch.chdir(tmp_path)
    path = openai_archive(tmp_path / 'a.pt', {'visual.x': torch.ones(3), 'y': torch.ones(2)})
    with pytest.raises(ValueError, match=r'changed\.pt'):
        read_state_dict(rewritten(path, name, change))
    assert not (tmp_path / 'marker').exists()


def test_an_archive_that_lists_no_buffers_gives_every_tensor(tmp_path):
    path = openai_archive(tmp_path / 'a.pt', {'visual.x': torch.ones(3), 'y': torch.ones(2)})
    whole = torchscript_weights(path)
    old = rewritten(path, '.py', lambda data: data.replace(b'__buffers__', b'__annotations__'))
    assert torchscript_weights(old).keys() == whole.keys()

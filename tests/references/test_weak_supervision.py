"""Folders of recorded values of CLIMS and POLE: of any names, sizes and counts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from icpc.cli.main import main
from icpc.errors import UserError
from icpc.references import weak_supervision
from icpc.references.recorded_text import text_error
from icpc.weak.stages import TagClassifier
from icpc.weak.walk import paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scores and a walk by plain loops, and a classifier whose names and groups are spelt out."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / 'marks.npz', config=json.dumps(dict(classes=6, ignored=-1)), **_scores(rng))
    np.savez(tmp_path / 'steps.npz', **_walk(rng))
    np.savez(tmp_path / 'net.npz', **_classifier(rng))
    return tmp_path


def _scores(rng: np.random.Generator) -> dict[str, np.ndarray]:
    truth = rng.integers(-1, 3, (2, 5, 7))
    cam = rng.integers(0, 5, (2, 5, 7))
    mask = cam.copy()
    mask[0, :2] = 255
    arrays = dict(truth=truth, cam_prediction=cam, mask_prediction=mask)
    for name, guess in (('cam', cam), ('mask', np.where(mask == 255, 0, mask))):
        counts = np.zeros((5, 5), int)
        for t, g in zip(truth.flat, guess.flat, strict=True):
            if t >= 0:
                counts[t, g] += 1
        iou = [
            counts[k, k] / (counts[k].sum() + counts[:, k].sum() - counts[k, k]) for k in range(5)
        ]
        arrays |= {f'{name}/confusion': counts, f'{name}/iou': np.array(iou)}
        arrays[f'{name}/miou'] = np.array(np.mean(iou))  # a class that is only predicted is 0
        if name == 'cam':
            arrays['segmentation/miou'] = np.array(np.mean(iou[:3]))
            arrays['segmentation/iou'] = np.array([*iou, np.nan])
    return arrays


def _walk(rng: np.random.Generator) -> dict[str, np.ndarray]:
    cam, edge = rng.random((2, 5, 6)).astype(np.float16), rng.random((1, 5, 6)).astype(np.float16)
    matrix = torch.eye(30)
    for way in paths(3):
        for y, x in np.ndindex(5, 6):
            v, u = y + way[0][0], x + way[0][1]
            if v < 5 and 0 <= u < 6:
                cells = [float(edge[0, y + a, x + b]) for a, b in way]
                one, other = y * 6 + x, v * 6 + u
                matrix[one, other] = matrix[other, one] = 1 - max(cells)
    step = matrix.pow(7)
    step = step / step.sum(0, keepdim=True)
    start = torch.from_numpy(cam.astype(np.float32) * (1 - edge.astype(np.float32))).flatten(1)
    crf = dict(iterations=1, gaussian_weight=1, gaussian_xy=1, bilateral_weight=1, bilateral_xy=9)
    crf['bilateral_rgb'] = 9
    return {
        'config': json.dumps(dict(radius=3, beta=7, exponent=3, background=0.2, picture=[17, 22])),
        'walk/cam': cam,
        'walk/edge': edge,
        'walk/keys': np.array([1, 4]),
        'walk/propagated': (start @ torch.matrix_power(step, 8)).reshape(2, 5, 6).numpy(),
        'train/destinations': np.array([[0, 1], [1, -1], [1, 0], [1, 1]])[[0, 2, 1, 3]],
        'train/pairs': np.array([4, 11 * 10]),  # the radius is 2, crops have 12 pixels
        'boundary/config': json.dumps(dict(radius=2, size=[4, 5])),
        'boundary/edge_logits': np.zeros((1, 1, 4, 5), np.float16),
        'boundary/displacement': np.zeros((1, 2, 4, 5), np.float16),
        'boundary/labels': np.zeros((1, 4, 5), np.uint8),
        'boundary/affinity': np.full((1, 4, 9), 0.5, np.float32),
        'seeds/image': rng.integers(0, 256, (4, 5, 3), np.uint8),
        'seeds/cam': np.full((1, 4, 5), 0.2, np.float16),
        'seeds/keys': np.array([2]),
        'seeds/no_crf/labels': np.full((4, 5), 255),
        'crf/probabilities': np.full((2, 4, 5), 0.5, np.float32),
        'crf/refined_1': np.full((2, 4, 5), 0.5, np.float32),
        'crf/config': json.dumps(dict(test=crf, seeds=crf | dict(confidence=0.7))),
        'a/new/array': np.zeros(3),
    }


def _classifier(rng: np.random.Generator) -> dict[str, np.ndarray]:
    torch.manual_seed(0)
    backbone = dict(type='Stride16ResNet', pretrained=False, blocks=(1, 1, 1, 1), width=2)
    model = TagClassifier(('background', 'cat', 'dog'), backbone, scales=(1.0, 0.5))
    image = rng.integers(0, 256, (2, 33, 21, 3), np.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    inputs = ((torch.from_numpy(image) / 255 - mean) / std).permute(0, 3, 1, 2)
    state = {
        n.replace('backbone.net.', 'resnet50.'): v.numpy() for n, v in model.state_dict().items()
    }
    with torch.no_grad():
        logits = model.maps(inputs).mean((2, 3))
    stages = {
        'conv1': '1.0',
        'bn1': '1.1',
        'layer1': '1.4',
        'layer2': '2.0',
        'layer3': '3.0',
        'layer4': '4.0',
    }
    names = [*state, 'newly_added.0.weight']
    for name in state:
        _, part, *rest = name.split('.')
        if name.startswith('resnet50.'):
            stage, place = stages[part].split('.')
            names += ['.'.join([f'stage{stage}', place, *rest])]
            names += ['.'.join([f'backbone.{int(stage) - 1}', place, *rest])]
    trained = [n for n in dict(model.named_parameters()) if 'layer' in n]
    return {
        'config': json.dumps(dict(width=2, layers=[1] * 4, classes=2, scales=[1.0, 0.5])),
        'names': json.dumps(sorted(names)),
        'image': image,
        'label': np.array([[1, 0], [0, 1]], np.uint8),
        'cls/logits': logits.numpy(),
        'cls/frozen': json.dumps(
            ['resnet50.conv1.weight', 'resnet50.bn1.weight', 'resnet50.bn1.bias']
        ),
        'groups': json.dumps(
            [sorted(n.replace('backbone.net', 'resnet50') for n in trained), ['classifier.weight']]
        ),
        'scaled_sizes': np.array([[33, 21], [16, 10]]),
        **{f'state/{name}': value for name, value in state.items()},
    }


def _change(path: Path, **values: np.ndarray) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | values))


def test_everything_is_compared_or_said(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['check-reference', str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[-1].removeprefix('max relative error: ')) < 5e-6
    said = [line.split()[0] for line in lines if 'not compared: it is no input' in line]
    assert said == ['a/new/array']
    compared = {
        line.split()[0] for line in lines if line.startswith('  ') and 'e' in line.split()[1]
    }
    assert {
        'cam/iou',
        'names',
        'groups',
        'walk/propagated',
        'train/pairs',
        'seeds/no_crf/labels',
    } <= compared


@pytest.mark.parametrize(
    ('name', 'array', 'change', 'error'),
    [
        ('marks', 'segmentation/miou', lambda v: v * 1.0001, 1e-4),
        ('marks', 'cam/confusion', lambda v: v + np.eye(5, dtype=int), np.inf),
        ('steps', 'walk/propagated', lambda v: v * 1.001, 1e-3),
        ('steps', 'train/pairs', lambda v: v + 1, np.inf),
        ('net', 'cls/frozen', lambda v: json.dumps([*json.loads(str(v)), 'x']), np.inf),
    ],
)
def test_what_is_off_shows(folder: Path, name: str, array: str, change, error: float) -> None:
    path = folder / f'{name}.npz'
    _change(path, **{array: np.asarray(change(np.load(path)[array]))})
    largest = weak_supervision.report(folder)
    assert largest == error or error / 2 < largest < error * 4
    assert main(['check-reference', str(folder)]) == 1


@pytest.mark.parametrize(
    ('ours', 'recorded', 'error'),
    [
        ({'a': 1.0, 'b': None}, {'a': 1.1, 'b': None}, 0.1 / 1.1),
        ({'a': 1.0}, {'a': None}, np.inf),
        ({'a': float('nan')}, {'a': 1.0}, np.inf),
        ({'a': 1.0}, {'b': 1.0}, np.inf),
        ([['a'], ['b']], [['a', 'b'], []], 3 / 8),
        ({'x': ['a', 'b']}, {'x': ['a', 'c']}, 1 / 4),
        (['a'], ['a', 'b'], np.inf),
        ([[0, 1], [2]], [[0, 1], [2]], 0),
    ],
)
def test_differences_of_texts(ours: object, recorded: object, error: float) -> None:
    assert text_error(ours, recorded) == pytest.approx(error)


def test_a_missing_file_is_named(folder: Path) -> None:
    np.savez(folder / 'losses.npz', config='{}', maps=0.0, pairs=0.0, sim_fg=0.0)
    with pytest.raises(UserError, match=r'losses.npz: the file of its CLIP \(token_rows/ids\) is'):
        weak_supervision.report(folder)

"""mIoU of a model of the scenes, of its ONNX file and of the int8 variant, on the CPU.

    python benchmarks/int8.py work_dirs/demo

Pictures are those of the scenes' splits, generated in memory: 32 of the training split give the
ranges of the activations, the test split is predicted.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

import icpc
from icpc.datasets.scenes.composition import generate_scene
from icpc.export.from_model import export_model
from icpc.export.int8 import quantize
from icpc.export.parity import onnx_runner, predicted

SIDE = 128  # pixels, of the scenes


def pictures_of(split: str, count: int) -> tuple[list[torch.Tensor], list[np.ndarray]]:
    """Pictures (1, 3, H, W), RGB, and masks (H, W) with 0 for unlabelled."""
    scenes = [generate_scene(split, index, SIDE) for index in range(count)]
    pictures = [torch.from_numpy(s.image.copy()).permute(2, 0, 1)[None].float() for s in scenes]
    return pictures, [scene.labels for scene in scenes]


def mean_iou(labels: Callable, pictures: list, masks: list, classes: int) -> tuple[float, float]:
    """mIoU in percent over classes that are there, and milliseconds of a picture."""
    counts, seconds = np.zeros((classes, classes)), 0.0
    for picture, mask in zip(pictures, masks, strict=True):
        begin = time.perf_counter()
        found = labels(picture)[0].numpy()
        seconds += time.perf_counter() - begin
        known = mask > 0
        flat = (mask[known].astype(int) - 1) * classes + found[known]
        counts += np.bincount(flat, minlength=classes**2).reshape(classes, classes)
    hits = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - hits
    return 100 * (hits / union.clip(1))[union > 0].mean(), 1000 * seconds / len(pictures)


def _labels(run: Callable, pictures: torch.Tensor) -> torch.Tensor:
    return run(pictures)[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='what icpc.load_model takes')
    parser.add_argument('--calibration', type=int, default=32, help='pictures of training (32)')
    parser.add_argument('--test', type=int, default=200, help='pictures of the test split (200)')
    args = parser.parse_args()
    predictor = icpc.load_model(args.model, device='cpu')
    model, names = predictor.model, predictor.classes
    calibration, _ = pictures_of('training', args.calibration)
    test = pictures_of('test', args.test)
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / 'model.onnx', Path(folder) / 'model-int8.onnx'
        size = SIDE, SIDE
        export_model(model, plain, 'onnx', names, predictor.palette, args.model, size)
        quantize(plain, small, model, calibration)
        runs = {'ONNX': onnx_runner(plain), 'ONNX int8': onnx_runner(small)}
        ways = {'model': lambda x: predicted(model, x)[1]}
        ways |= {name: partial(_labels, run) for name, run in runs.items()}
        size = {'model': float('nan'), 'ONNX': plain.stat().st_size}
        size['ONNX int8'] = small.stat().st_size
        for name, labels in ways.items():
            miou, milliseconds = mean_iou(labels, *test, len(names))
            mib = size[name] / 2**20
            print(f'{name:10} mIoU {miou:.2f}  {milliseconds:.1f} ms a picture  {mib:.1f} MiB')


if __name__ == '__main__':
    main()

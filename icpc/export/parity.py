"""A written file against the model that it was made of."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..datasets.scenes.composition import generate_scene

Run = Callable[[Tensor], tuple[Tensor, Tensor]]  # pictures (B, 3, H, W) -> logits and labels
LEAST_EQUAL = 0.999  # share of labels


class Parity(NamedTuple):
    """How far a file is from its model, over all pictures that were compared.

    Attributes:
        difference: the largest absolute difference of two logits.
        largest: the largest absolute logit of the model.
        equal: the share of pixels with the same label.
        pictures: how many.
        sizes: (B, H, W) of the batches.
    """

    difference: float
    largest: float
    equal: float
    pictures: int
    sizes: tuple[tuple[int, int, int], ...]

    def __str__(self) -> str:
        shapes = ', '.join(f'{b} x {h} x {w}' for b, h, w in self.sizes)
        return (
            f'largest difference of logits {self.difference:.1e} (of up to {self.largest:.3g}), '
            f'equal labels {100 * self.equal:.3f} % ({self.pictures} pictures: {shapes})'
        )

    def holds(self, tolerance: float) -> bool:
        """Whether the file may stay: ``tolerance`` is of a logit, or of the largest if above 1."""
        return self.difference <= tolerance * max(1.0, self.largest) and self.equal >= LEAST_EQUAL


def compare(model: nn.Module, run: Run, batches: Sequence[Tensor]) -> Parity:
    """Runs both on the same pictures.

    Args:
        model: a segmentor with its own preprocessor, in evaluation mode.
        run: the file.
        batches: RGB pictures (B, 3, H, W), 0 .. 255.
    """
    difference, largest, equal, pixels = 0.0, 0.0, 0, 0
    for pictures in batches:
        own_logits, own_labels = predicted(model, pictures)
        logits, labels = run(pictures)
        worst = (logits - own_logits).abs().max().item()
        difference = max(difference, float('inf') if worst != worst else worst)
        largest = max(largest, own_logits.abs().max().item())
        equal += (labels == own_labels).sum().item()
        pixels += own_labels.numel()
    sizes = tuple((b.shape[0], *b.shape[2:]) for b in batches)
    return Parity(difference, largest, equal / pixels, sum(map(len, batches)), sizes)


@torch.no_grad()
def predicted(model: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The model's own logits (B, K, H, W) and labels (B, H, W) of whole RGB pictures."""
    samples = [SegDataSample() for _ in pictures]
    data = dict(inputs=list(pictures.flip(1)), data_samples=samples)  # as they are read: B, G, R
    images = model.data_preprocessor(data, False)['inputs']
    metas = [dict(img_shape=tuple(images.shape[2:]))] * len(images)
    logits = model.encode_decode(images, metas).float().cpu()
    logits = logits[:, :, : pictures.shape[2], : pictures.shape[3]]
    if logits.shape[1] == 1:
        return logits, (logits.sigmoid() > model.decode_head.threshold).long().squeeze(1)
    return logits, logits.argmax(dim=1)


def scene_batches(shapes: Sequence[tuple[int, int, int]]) -> list[Tensor]:
    """Batches (B, 3, H, W) of the embedded scenes, cut or repeated to their size."""
    batches = []
    for index, (count, height, width) in enumerate(shapes):
        pictures = []
        for one in range(count):
            image = generate_scene('test', 16 * index + one).image
            rows, columns = (np.arange(side) % image.shape[0] for side in (height, width))
            pictures.append(torch.from_numpy(image[rows][:, columns]).permute(2, 0, 1))
        batches.append(torch.stack(pictures).float())
    return batches


def torch_runner(path: Path) -> Run:
    """Runs a ``.pt2`` file."""
    with path.open('rb') as file:
        module = torch.export.load(file).module()
    return lambda pictures: tuple(module(pictures))


def onnx_runner(path: Path) -> Run:
    """Runs an ONNX file by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def run(pictures: Tensor) -> tuple[Tensor, Tensor]:
        logits, labels = session.run(['logits', 'labels'], {'pictures': pictures.numpy()})
        return torch.from_numpy(logits), torch.from_numpy(labels)

    return run

"""One road from data to a published model, with every number compared along the way."""

import io
import json
import math
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from editions import Tree
from made_up_scenes import CROP
from PIL import Image
from running_tools import run_tool

from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.commands.verify_data import verify
from icpc.experiments.publish import publish
from icpc.run_dir.record import read_record

STEPS, SAVED = 3, 2
SMALL = {
    'crop_size': CROP,
    'max_iters': STEPS,
    'val_interval': SAVED,
    'global_batch': 4,
    'lr': 1e-2,
    'model.neck.out_channels': 8,
    'model.decode_head.channels': 8,
    'default_hooks.panel.count': 1,  # each row is drawn for a fifth of a second
}
# Where pictures are not resized to the crop but to a size of their own.
OWN_SIZE = {'train_pipeline.2.scale': (2 * CROP, CROP)}


@dataclass(frozen=True)
class Road:
    """A config with the switches of a run.

    Attributes:
        config: Path of the config.
        options: Overrides.
        amp: As `--amp`.
        ranks: Processes that train.
    """

    config: Path
    options: dict[str, object]
    amp: str | None = None
    ranks: int = 1

    @property
    def words(self) -> list[str]:
        """The overrides as the command line has them."""
        return [f'{key}={value}' for key, value in self.options.items()]

    def train(self, work_dir: Path, resume: bool = False) -> dict[str, float]:
        """The test metrics that the run recorded."""
        if self.ranks == 1:
            torch._dynamo.reset()  # a process has compiled nothing when it starts
            with redirect_stdout(io.StringIO()) as output:
                train(str(self.config), self.words, str(work_dir), resume=resume, amp=self.amp)
            printed = output.getvalue()
        else:
            flags = [*(['--resume'] if resume else []), *(['--amp', self.amp] if self.amp else [])]
            words = [str(self.config), '--work-dir', str(work_dir), *flags, '--cfg-options']
            log = work_dir.with_name(f'{work_dir.name}_log')
            printed = run_tool('train.py', *words, *self.words, ranks=self.ranks, log=log)
        assert_trained(work_dir)
        (last,) = lines(work_dir, 'test')
        assert printed.splitlines()[-1] == f'mIoU: {last["mIoU"]:.2f}'
        assert printed.count('MiB for a picture of') == 1
        return {key: value for key, value in last.items() if key not in ('step', 'split')}


def walk(road: Road, tree: Tree, folder: Path) -> None:
    """Verify, train, resume, test, test with TTA, publish, test what was published."""
    verified(road, tree, folder / 'data')
    metrics = road.train(folder / 'run')
    assert resumed(road, folder) == metrics
    checkpoint = folder / 'run' / f'iter_{STEPS}.pth'
    assert evaluated(road, checkpoint, tree, folder / 'test', tta=False) == metrics
    evaluated(road, checkpoint, tree, folder / 'tta', tta=True)
    published = publish(folder / 'run', folder / 'published')
    again = evaluate(
        str(published / 'config.py'), str(published / 'model.safetensors'), None, str(folder / 'p')
    )
    assert again == metrics


def verified(road: Road, tree: Tree, out: Path) -> None:
    """The data are right, and a labelled picture of each split is drawn."""
    reports = verify(str(road.config), road.words, str(out), sample=None)
    assert [report.name for report in reports] == list(tree.splits)
    assert all(report.checked == report.pictures > 0 for report in reports)
    for report in reports:
        assert np.asarray(Image.open(out / f'{report.name}.png')).std() > 10


def assert_trained(work_dir: Path) -> None:
    """Finished, with finite losses of all steps, two validations, one test and the panel."""
    assert read_record(work_dir)['state'] == 'finished'
    losses = lines(work_dir, 'train')
    assert [line['step'] for line in losses] == list(range(1, STEPS + 1))
    numbers = [value for line in losses for key, value in line.items() if key != 'split']
    assert all(value is not None and math.isfinite(value) for value in numbers)
    assert [line['step'] for line in lines(work_dir, 'val')] == [SAVED, STEPS]
    assert [line['step'] for line in lines(work_dir, 'test')] == [STEPS]
    assert Image.open(work_dir / 'panel.png').width > CROP


def lines(work_dir: Path, split: str) -> list[dict[str, float]]:
    read = map(json.loads, (work_dir / 'metrics.jsonl').read_text().splitlines())
    return [line for line in read if line['split'] == split]


def resumed(road: Road, folder: Path) -> dict[str, float]:
    """The metrics of the run when it goes on from its first checkpoint."""
    shutil.copytree(folder / 'run', folder / 'resumed')
    (folder / 'resumed' / f'iter_{STEPS}.pth').unlink()
    (folder / 'resumed' / 'last_checkpoint').write_text(f'iter_{SAVED}.pth')
    metrics = road.train(folder / 'resumed', resume=True)
    assert lines(folder / 'resumed', 'train') == lines(folder / 'run', 'train')
    return metrics


def evaluated(
    road: Road, checkpoint: Path, tree: Tree, folder: Path, tta: bool
) -> dict[str, float]:
    """The metrics, after the masks that were written gave the same."""
    masks, drawn = folder / 'masks', folder / 'drawn'
    metrics = evaluate(
        *(str(road.config), str(checkpoint), road.words, str(folder / 'work')),
        tta=tta,
        out=str(masks),
        show_dir=str(drawn) if tta else None,
    )
    classes = {}
    for path in masks.rglob('*.png'):
        name = path.relative_to(masks).with_suffix('').as_posix()
        classes[name] = np.asarray(Image.open(path)).astype(int) - tree.first_id
    assert {name: found.shape for name, found in classes.items()} == {
        name: truth.shape for name, truth in tree.truth.items()
    }
    assert metrics['mIoU'] == pytest.approx(mean_iou(classes, tree.truth))
    if tta:
        sheets = {path.relative_to(drawn).with_suffix('').as_posix() for path in drawn.rglob('*.*')}
        assert sheets >= tree.truth.keys()
    return metrics


def mean_iou(found: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> float:
    """In percent, over the classes that a labelled pixel has or was given."""
    pairs = [(found[name][real >= 0], real[real >= 0]) for name, real in truth.items()]
    guess, real = (np.concatenate(part) for part in zip(*pairs, strict=True))
    ratios = [
        ((guess == c) & (real == c)).sum() / ((guess == c) | (real == c)).sum()
        for c in np.union1d(guess, real)
    ]
    return 100 * float(np.mean(ratios))

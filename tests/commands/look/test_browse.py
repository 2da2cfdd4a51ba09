"""What `icpc browse` shows is what the run sees."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icpc import load_config
from icpc.commands.look import browse as module
from icpc.commands.look.browse import browse
from icpc.errors import UserError
from icpc.training.runner import SafeRunner

NEW = [
    'train_pipeline.RandomFlip.after=dict(type=RandomRotate, prob=0.5, degree=30)',
    'seed=3',
    'gpu_batch=2',
]


@pytest.fixture
def drawn(monkeypatch):
    found = []
    monkeypatch.setattr(
        module, 'save_overlay', lambda path, image, labels, *_: found.append((path, image, labels))
    )
    return found


def test_the_pictures_of_a_step_are_those_of_the_run(toy_config, tmp_path, drawn):
    browse(str(toy_config), NEW, 4, str(tmp_path / 'out'), step=3)
    cfg = load_config(toy_config, NEW)
    loader = SafeRunner.build_dataloader(cfg.train_dataloader)
    loader.sampler.begin(3, loader.batch_size * cfg.train_cfg.accumulation, 3)
    batches = iter(loader)
    seen = [next(batches) for _ in range(cfg.train_cfg.accumulation)]
    pictures = [picture for batch in seen for picture in batch['inputs']]
    samples = [sample for batch in seen for sample in batch['data_samples']]
    assert len(pictures) == len(drawn) == 4
    for slot, (path, image, labels) in enumerate(drawn):
        assert np.array_equal(image, pictures[slot].numpy()[::-1].transpose(1, 2, 0).round())
        assert np.array_equal(labels, samples[slot].gt_sem_seg.data[0])
        assert path.name == f'train_step000003_{slot:03d}_{Path(samples[slot].img_path).stem}.png'
    browse(str(toy_config), [*NEW, 'seed=4'][:1], 4, str(tmp_path / 'out'), step=3)
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(drawn[:4], drawn[4:], strict=True))


def test_other_splits_in_their_order_written_as_files(toy_config, tmp_path, capsys):
    folder = browse(str(toy_config), [], 9, str(tmp_path / 'out'), 'val')
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f'val_{index:06d}_{index:03d}.png' for index in range(3)]
    assert Image.open(folder / files[0]).width > 2 * 384
    assert f'{files[2]}: ' in capsys.readouterr().out


def test_labels_are_resized_where_the_picture_alone_was(toy_config, tmp_path, drawn):
    smaller = 'test_pipeline.LoadImageFromFile.after=dict(type=Resize, scale=[16, 16])'
    browse(str(toy_config), [smaller], 1, str(tmp_path), 'val')
    _, image, labels = drawn[0]
    assert image.shape[:2] == labels.shape == (16, 16)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(number=0), '--number must be at least 1, got 0'),
        (dict(step=-1), '--step must be at least 0'),
        (dict(split='val', step=1), 'only the training has steps'),
        (dict(split='val', options=['val_dataloader=None']), 'no val_dataloader'),
        (dict(options=['data_root=nowhere']), 'nowhere'),
    ],
)
def test_what_cannot_be_shown_is_refused(given, message, toy_config, tmp_path):
    with pytest.raises(UserError, match=message):
        browse(str(toy_config), **{'out': str(tmp_path / 'out'), **given})
    assert not (tmp_path / 'out').exists()

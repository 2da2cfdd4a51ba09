"""What docs/configs.md shows works as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.optim import CosineAnnealingLR, LinearLR, PolyLR

from icpc import load_config

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs/configs.md').read_text()
FOLDER = ROOT / 'configs/icpc/icpc_rn50_fpn_80k_folder-512.py'
CLASSES = ['classes=[wall, sky]']
COMMANDS = [
    shlex.split(line, comments=True)[4:]
    for line in PAGE.splitlines()
    if line.startswith('python tools/train.py CONFIG --cfg-options')
]
KINDS = {kind.__name__: kind for kind in (CosineAnnealingLR, LinearLR, PolyLR)}


def test_the_page_shows_commands():
    assert len(COMMANDS) == 12


@pytest.mark.parametrize('options', COMMANDS, ids=' '.join)
def test_a_command_is_taken(options):
    plain = load_config(FOLDER, CLASSES).to_dict()
    assert load_config(FOLDER, [*CLASSES, *options]).to_dict() != plain


def steps(config, key='train_dataloader'):
    return [step['type'] for step in config[key].dataset.pipeline]


def loaded(start):
    (options,) = [options for options in COMMANDS if options[0].startswith(start)]
    return load_config(FOLDER, [*CLASSES, *options])


def test_steps():
    plain = steps(load_config(FOLDER, CLASSES))
    at = plain.index('RandomFlip')
    before = steps(loaded('train_pipeline.RandomFlip.before'))
    assert before == [*plain[:at], 'RandomRotate', *plain[at:]]
    after = steps(loaded('train_pipeline.3.after'))
    assert after == [*plain[:4], 'RandomRotate', 'RandomCutOut', *plain[4:]]
    less = [step for step in plain if step != 'PhotoMetricDistortion']
    assert steps(loaded('train_pipeline.PhotoMetricDistortion')) == less
    both = loaded('train_dataloader.dataset.pipeline')
    assert steps(both) == less
    assert both.train_dataloader.dataset.pipeline[less.index('RandomFlip')].prob == 0.2
    assert len(loaded('tta_pipeline').tta_pipeline[1]['transforms'][0]) == 5


def test_the_file(tmp_path):
    (text,) = re.findall(r'```python\n(.*?)```', PAGE, flags=re.DOTALL)
    file = tmp_path / 'mine.py'
    file.write_text(text.replace("'icpc_rn50", f"'{ROOT}/configs/icpc/icpc_rn50"))
    config = load_config(file, ['crop_size=256'])
    assert steps(config).index('RandomRotate') == steps(config).index('RandomFlip') - 1
    assert config.train_dataloader.dataset.pipeline[3].crop_size == (128, 128)
    assert config.param_scheduler[1].power == 1.0
    assert 'align' not in config.model.losses


def rates(config):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.lr)
    given = config.param_scheduler
    schedulers = [
        KINDS[cfg['type']](optimizer, **{k: v for k, v in cfg.items() if k != 'type'})
        for cfg in (given if isinstance(given, list) else [given])
    ]
    found = []
    for _ in range(config.max_iters):
        found.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    return found


@pytest.mark.filterwarnings('ignore:Detected call of')
@pytest.mark.parametrize(
    ('start', 'warmup', 'power'),
    [
        ('param_scheduler.LinearLR', 0, 0.9),
        ('param_scheduler.PolyLR', 6, None),
        ('param_scheduler=', 0, None),
    ],
)
def test_schedules(start, warmup, power):
    (options,) = [options for options in COMMANDS if options[0].startswith(start)]
    found = rates(load_config(FOLDER, [*CLASSES, *options, 'max_iters=60', 'lr=0.1']))
    assert found[:warmup] == sorted(found[:warmup])
    assert found[warmup] == pytest.approx(0.1)
    left = 60 - warmup
    for step in range(left):
        if power is None:  # half a cosine
            share = (1 + torch.tensor(step * torch.pi / left).cos().item()) / 2
        else:
            share = (1 - step / (left - 1)) ** power
        assert found[warmup + step] == pytest.approx(1e-6 + (0.1 - 1e-6) * share, rel=1e-4)


def test_test_splits():
    plain = load_config(FOLDER, CLASSES)
    assert plain.test_dataloader.to_dict() == plain.val_dataloader.to_dict()
    expected = dict(img_path='images/test', seg_map_path='annotations/test')
    for start in ('test_split', 'test_dataloader'):
        config = loaded(start)
        assert config.test_dataloader.dataset.data_prefix == expected
        assert config.val_dataloader.to_dict() == plain.val_dataloader.to_dict()

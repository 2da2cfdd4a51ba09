"""README's commands for ADE20K, from a download that is unpacked, as it says, to `--tta`."""

import re
from pathlib import Path

import downloads
import pytest
from editions import EDITIONS, named_scenes
from PIL import Image
from running_tools import run_tool

ROOT = Path(__file__).resolve().parents[2]
BLOCK = (ROOT / 'README.md').read_text().split('## Train on ADE20K')[1].split('```')[1]
COMMANDS = re.findall(r'^(?:python|torchrun --nproc_per_node \d+) tools/(.+)$', BLOCK, re.M)
CONFIG = 'configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py'
CHECKPOINT = f'work_dirs/{Path(CONFIG).stem}/iter_80000.pth'
STEPS = 2
SLOW = [(64, 1), (512, 1), (512, 2)]  # crop and ranks
QUICK = {'num_workers': 0, 'default_hooks.panel.count': 1}


def test_the_commands_are_those_that_run_here():
    expected = [
        f'train.py {CONFIG} --rehearse',
        f'train.py {CONFIG}',
        f'train.py {CONFIG} --launcher pytorch',
        f'test.py {CONFIG} {CHECKPOINT}',
        'test.py CONFIG CHECKPOINT --tta',
    ]
    assert expected == COMMANDS


@pytest.mark.parametrize(
    ('crop', 'ranks'),
    [
        (64, 2),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(64, 1), (512, 1), (512, 2)]),
    ],
)
def test_they_run_to_their_end(crop, ranks, tmp_path, monkeypatch, clips):
    """The published download as it is, in the default folders, with eight passes a step."""
    named = named_scenes('ade20k')
    downloads.write(tmp_path / 'data' / 'ade', EDITIONS['ade20k'].files(named))
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.chdir(tmp_path)
    options = {
        'crop_size': crop,
        'max_iters': STEPS,
        'gpu_batch': 4 // ranks,  # of a global batch of 32
        'model.clip.model': clips['rn50'],
        'model.clip.pretrained': 'auto',
        'model.neck.out_channels': 8,
        'model.decode_head.channels': 8,
        **({} if crop == 512 else QUICK),
    }
    options = ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]

    def run(*words, name, ranks=ranks):
        return run_tool(*words, *options, log=tmp_path / name, ranks=ranks, limit=500)

    if crop == 512:
        run('train.py', CONFIG, '--rehearse', name='rehearsal')
        assert not Path('work_dirs').exists()
    trained = run('train.py', CONFIG, name='train')
    assert f'global batch 32 = {ranks} rank(s) x {4 // ranks} images x 8 accumulation' in trained
    checkpoint = CHECKPOINT.replace('80000', str(STEPS))
    assert Image.open(Path(checkpoint).with_name('panel.png')).width > crop
    tested = run('test.py', CONFIG, checkpoint, name='test', ranks=1)
    averaged = run('test.py', CONFIG, checkpoint, '--tta', name='tta')
    ends = ['\n'.join(printed.splitlines()[-2:]) for printed in (trained, tested, averaged)]
    assert all(re.fullmatch(r'score map mIoU: \d+\.\d\d\nmIoU: \d+\.\d\d', end) for end in ends)
    assert ends[0] == ends[1]

"""Studies whose trainings are stood in for by a script that takes a fraction of a second."""

import io
import itertools
from pathlib import Path

import pytest
import torch

CONFIG = Path(__file__).resolve().parents[2] / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'

# Trains for ten steps, each with a checkpoint; its result depends on every step done.
TRAINER = """
import ast, json, os, pathlib, sys, time

args = sys.argv[2:]
folder = pathlib.Path(args[args.index('--work-dir') + 1])
options = dict(item.split('=', 1) for item in args[args.index('--cfg-options') + 1:])
options = {key: ast.literal_eval(value) for key, value in options.items()}
pointer = folder / 'last_checkpoint'
state = {'step': 0, 'value': 0.0}
if '--resume' in args:
    whole = [path for path in folder.glob('iter_*.pth') if path.read_bytes() == CHECKPOINT]
    newest = max(whole, key=lambda path: int(path.stem[5:]))
    state = json.loads(newest.with_suffix('.json').read_text())
    print('resumed at', state['step'])
started = time.time()
while state['step'] < 10:
    state['step'] += 1
    state['value'] += options['lr'] * state['step'] ** 2 + options['seed'] * 0.1
    if options.get('max_iters') == state['step']:
        sys.exit('out of luck')
    time.sleep(options.get('weight_decay', 0.0))
    new = folder / 'new'
    saved = folder / f"iter_{state['step']}.pth"
    saved.with_suffix('.json').write_text(json.dumps(state))
    new.write_bytes(CHECKPOINT)
    os.replace(new, saved)
    new.write_text(f"iter_{state['step']}.pth")
    os.replace(new, pointer)
    if options.get('val_interval') == state['step']:
        sys.exit(75)
record = {
    'state': 'finished', 'seconds': time.time() - started, 'began': started, 'steps': 10,
    'environment': {k: os.environ.get(k) for k in ('OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES')},
    'parameters': {'all': 20, 'trained': 10}, 'memory_mib': {'process': 1.0},
    'metrics': {'test': {'step': 10, 'mIoU': state['value'], 'score_mIoU': 2 * state['value']}},
}
(folder / 'run.json').write_text(json.dumps(record))
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of tools with the trainer above."""
    folder = tmp_path / 'tools'
    folder.mkdir()
    checkpoint = io.BytesIO()
    parts = ('meta', 'state_dict', 'optimizer', 'param_schedulers', 'message_hub')
    torch.save({part: {} for part in parts}, checkpoint)
    text = TRAINER.replace('CHECKPOINT', repr(checkpoint.getvalue()))
    (folder / 'train.py').write_text(text)
    return folder


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """Two by two rows on two seeds, with a picture in each split of their data."""
    data = tmp_path / 'data'
    for room, split in itertools.product(
        ('images', 'annotations'), ('training', 'validation', 'test')
    ):
        (data / room / split).mkdir(parents=True)
        (data / room / split / '0.png').write_bytes(b'x')
    path = tmp_path / 'small.py'
    path.write_text(
        f'base = {str(CONFIG)!r}\n'
        "grid = {'lr': [0.1, 0.2], 'weight_decay': [0.02, 0.03]}\n"
        'seeds = [0, 1]\n'
        "metrics = ['mIoU', 'score_mIoU']\n"
        "baseline = 'lr=0.1, weight_decay=0.02'\n"
        f"shared = {{'data_root': {str(data)!r}}}\n"
    )
    return path

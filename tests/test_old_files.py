"""Work dirs, checkpoints and studies that were written before the rooms were rebuilt are read."""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train

ROOT = Path(__file__).resolve().parents[1]
OLD = ROOT / 'tests/data/before_rooms'
OPTIONS = {
    'max_iters': 8,
    'val_interval': 4,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.panel': None,
    'ema': 0.9,
    'log_interval': 2,
    'model.decode_head.dropout_ratio': 0.3,
}
BITS = json.loads((OLD / 'bits.json').read_text())
EXPECTED = json.loads((OLD / 'expected.json').read_text())
# Elsewhere the last bits of sums are others.
SAME_MACHINE = BITS['made_on'] == {
    'torch': torch.__version__,
    'capability': torch.backends.cpu.get_cpu_capability(),
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of all files, with the config that made them."""
    folder = shutil.copytree(OLD, tmp_path / 'old')
    text = (folder / 'toy.py.txt').read_text()
    text = text.replace('{configs}', str(ROOT / 'configs'))
    (folder / 'toy.py').write_text(text.replace('{data}', str(folder / 'data')))
    return folder


def record(folder: Path) -> dict:
    return json.loads((folder / 'run.json').read_text())


def weights(path: Path, part: str = 'state_dict') -> dict[str, torch.Tensor]:
    return load_checkpoint(path)[part]


def digest(state: dict[str, torch.Tensor]) -> str:
    found = hashlib.sha256()
    for key in sorted(state):
        found.update(key.encode())
        found.update(state[key].contiguous().numpy().tobytes())
    return found.hexdigest()


def check_end(checkpoint: Path, name: str) -> None:
    """The weights and their average are those that commit 88e324a came to."""
    if SAME_MACHINE:
        found = {part: digest(weights(checkpoint, part)) for part in EXPECTED[name]}
        assert found == EXPECTED[name]


def results_of(folder: Path) -> dict:
    return {k: v for k, v in record(folder)['metrics']['test'].items() if k != 'step'}


def test_a_finished_run_is_finished(old, capsys):
    before = results_of(old / 'finished')
    again = train(str(old / 'toy.py'), OPTIONS, str(old / 'finished'), resume=True, amp='fp16')
    assert again == pytest.approx(before, abs=1e-6)
    assert 'nothing is left to train' in capsys.readouterr().out
    assert record(old / 'finished')['run'] == record(OLD / 'finished')['run']
    path = str(old / 'finished/iter_8.pth')
    given = evaluate(str(old / 'toy.py'), path, OPTIONS, str(old / 'test'))
    assert given == pytest.approx(before, abs=1e-6)


def test_a_killed_run_goes_on_to_the_very_end(old):
    train(str(old / 'toy.py'), OPTIONS, str(old / 'killed'), resume=True, amp='fp16')
    found = weights(old / 'killed/iter_8.pth')
    expected = weights(OLD / 'finished/iter_8.pth')
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-6, msg=key)
    check_end(old / 'killed/iter_8.pth', 'killed')
    assert record(old / 'killed')['state'] == 'finished'
    assert len(record(old / 'killed')['segments']) == 2


def test_a_sharded_checkpoint_goes_on_in_one_process(old):
    train(str(old / 'toy.py'), OPTIONS, str(old / 'sharded'), resume=True)
    found, expected = (weights(folder / 'sharded/iter_8.pth') for folder in (old, OLD))
    for key, value in expected.items():
        # One rank draws one mask for dropout where two drew two.
        torch.testing.assert_close(found[key], value, rtol=0.1, atol=0.02, msg=key)
    # What one process came to at that commit: the moments of the optimiser count, too.
    lines = map(json.loads, (old / 'sharded/metrics.jsonl').read_text().splitlines())
    last = [line['loss'] for line in lines if line['split'] == 'train'][-1]
    assert last == pytest.approx(EXPECTED['sharded_loss'], rel=1e-4)
    check_end(old / 'sharded/iter_8.pth', 'sharded')


def test_a_sharded_checkpoint_is_evaluated_in_one_process(old):
    path = str(old / 'sharded/iter_8.pth')
    given = evaluate(str(old / 'toy.py'), path, OPTIONS, str(old / 'test'))
    assert given == pytest.approx(results_of(OLD / 'sharded'), abs=1e-6)


def cells(path: Path) -> dict[int, float | str]:
    """Everything between the marks of a table, numbers as such."""
    found = re.split(r'([,|&\s]+)', path.read_text())
    return dict(enumerate(map(as_number, found)))


def as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def test_the_tables_of_a_study_are_written_again(old, monkeypatch, capsys):
    study = old / 'toy_study.py'
    study.write_text(study.read_text().replace('/tmp/toy/toy.py', str(old / 'toy.py')))
    monkeypatch.chdir(old)  # its data_root is relative
    words = ['ablate.py', str(study), '--out', 'study', '--table', '--any-code']
    monkeypatch.setattr('sys.argv', words)
    names = ('table.csv', 'table.md', 'table.tex', 'runs.csv')
    for name in names:
        (old / 'study' / name).unlink()
    assert runpy.run_path(str(ROOT / 'tools/ablate.py'))['main']() == 0, capsys.readouterr()
    for name in names:
        found, expected = (cells(folder / 'study' / name) for folder in (old, OLD))
        assert found.keys() == expected.keys()
        for place, value in expected.items():
            same = (
                pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else value
            )
            assert found[place] == same, name


def test_a_report_of_an_old_study_tells_its_numbers(old, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['report.py', str(old / 'study')])
    assert runpy.run_path(str(ROOT / 'tools/report.py'))['main']() == 0, capsys.readouterr()
    page = (old / 'study/report.html').read_text()
    for number in ('25.59', '36.77', '+11.18', '42.03', '52.34', '+10.31'):  # of its table.md
        assert number in page


def test_a_published_folder_is_evaluated(old):
    folder = old / 'published'
    options = {'data_root': str(old / 'data'), 'default_hooks.panel': None}
    path = str(folder / 'model.safetensors')
    given = evaluate(str(folder / 'config.py'), path, options, str(old / 'test'))
    assert given == pytest.approx(results_of(OLD / 'finished'), abs=1e-6)


TEN_STEPS = {
    'max_iters': 10,
    'val_interval': 10,
    'log_interval': 1,
    'default_hooks.panel': None,
    **{f'{s}_{p}': None for s in ('val', 'test') for p in ('dataloader', 'evaluator', 'cfg')},
}


def check_bits(folder: Path, name: str) -> None:
    lines = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    losses = [line['loss'] for line in lines]
    expected = [float.fromhex(text) for text in BITS[name]['loss']]
    assert losses == pytest.approx(expected, rel=1e-5)
    if SAME_MACHINE:
        assert losses == expected
        assert digest(weights(folder / 'iter_10.pth')) == BITS[name]['weights']


@pytest.mark.parametrize(('name', 'gpu_batch'), [('1x4', 4), ('2x2', 2)])
def test_ten_steps_are_the_same_to_the_bit(old, name, gpu_batch):
    train(str(old / 'toy.py'), {**TEN_STEPS, 'gpu_batch': gpu_batch}, str(old / 'run'))
    check_bits(old / 'run', name)


@pytest.mark.slow
def test_ten_steps_on_two_ranks_are_the_same_to_the_bit(old):
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node', '2', str(ROOT / 'tools/train.py'), str(old / 'toy.py')]
    command += ['--launcher', 'pytorch', '--work-dir', str(old / 'run'), '--cfg-options']
    command += [f'{key}={value}' for key, value in TEN_STEPS.items()] + ['gpu_batch=2']
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests/helpers')])
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths)
    subprocess.run(command, env=environment, check=True, timeout=180)
    check_bits(old / 'run', '2ranks')

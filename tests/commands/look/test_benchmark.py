"""Latency, pictures a second and memory of predictions."""

import shutil

import pytest

from icpc.cli.main import main
from icpc.commands.look.benchmark import _figures, benchmark
from icpc.errors import UserError

KEYS = ('median_ms', 'p90_ms', 'pictures_per_second', 'peak_memory_MiB')


def test_a_work_dir_is_measured_in_both_precisions(toy_config, tmp_path, capsys):
    shutil.copy(toy_config, tmp_path / 'config.py')
    words = ['--size', '32,48', '--batch', '2', '--runs', '3', '--device', 'cpu']
    code = main(['benchmark', str(tmp_path), *words, '--precision', 'float32', 'bf16'])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    head, *lines = printed.out.splitlines()
    assert '2 x 32 x 48 on cpu' in head
    found = {name: float(value) for name, value in (line.split(': ') for line in lines)}
    assert list(found) == [f'{kind}_{key}' for kind in ('float32', 'bf16') for key in KEYS]
    assert all(value > 0 for value in found.values())
    assert found['float32_median_ms'] <= found['float32_p90_ms']


def test_the_figures():
    seconds = [0.1, 0.2, 0.3, 0.4, 1.0]
    assert _figures(seconds, 4) == pytest.approx(
        dict(median_ms=300.0, p90_ms=760.0, pictures_per_second=10.0)
    )


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(size=(0, 4)), '--size must be at least 1, got 0'),
        (dict(batch=0), '--batch'),
        (dict(runs=0), '--runs'),
        (dict(device='gpu'), '--device gpu: cannot be used here'),
    ],
)
def test_what_cannot_be_measured_is_refused(given, message, toy_config):
    with pytest.raises(UserError, match=message):
        benchmark(str(toy_config), **given)


def test_a_folder_without_a_config_is_refused(tmp_path):
    with pytest.raises(UserError, match='no config.py in it'):
        benchmark(str(tmp_path))


def test_a_trained_model_is_measured_as_it_is():
    assert benchmark('scenes', size=(64, 64), runs=1)['float32_median_ms'] > 0
    with pytest.raises(UserError, match='scenes is a trained model'):
        benchmark('scenes', ['lr=1'])

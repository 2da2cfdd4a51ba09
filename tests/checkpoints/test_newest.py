import json

import pytest
import torch

from icpc.checkpoints.content import POINTER, save_atomically
from icpc.checkpoints.newest import newest_whole
from icpc.errors import UserError
from icpc.run_dir.metrics_file import cut_metrics
from icpc.temporary_files import remove_temporary_files


def write(folder, step, run='a'):
    parts = dict.fromkeys(('state_dict', 'optimizer', 'param_schedulers', 'message_hub'), {})
    checkpoint = {**parts, 'meta': {'run': run}, 'weights': torch.zeros(500)}
    save_atomically(checkpoint, folder / f'iter_{step}.pth')
    (folder / POINTER).write_text(f'iter_{step}.pth')


@pytest.fixture
def folder(tmp_path):
    for step in (8, 9, 10):
        write(tmp_path, step)
    return tmp_path


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (lambda path: path.unlink(), 'is not there'),
        (lambda path: path.write_bytes(b''), 'is damaged'),
        (lambda path: path.write_bytes(path.read_bytes()[:900]), 'is damaged'),
        (flip_a_bit, 'checksum'),
        (lambda path: save_atomically({'meta': {}}, path), 'without message_hub, optimizer'),
        (lambda path: torch.save({'meta': object()}, path), 'cannot be loaded'),
    ],
)
def test_the_one_before_is_taken_and_the_reason_said(folder, capsys, damage, reason):
    assert newest_whole(folder, 'a') == folder / 'iter_10.pth'
    damage(folder / 'iter_10.pth')
    assert newest_whole(folder, 'a') == folder / 'iter_9.pth'
    (line,) = capsys.readouterr().out.splitlines()
    assert f'{folder / "iter_10.pth"}: ' in line
    assert reason in line


def test_without_a_pointer_the_last_written_one_is_taken(folder, capsys):
    (folder / POINTER).write_bytes(b'\xff\x00')
    assert newest_whole(folder, 'a') == folder / 'iter_10.pth'
    assert 'names no checkpoint' in capsys.readouterr().out
    (folder / POINTER).unlink()
    write(folder, 3)
    (folder / POINTER).unlink()
    assert newest_whole(folder, 'a') == folder / 'iter_3.pth'


def test_another_run_s_checkpoints_are_left_alone(folder):
    assert newest_whole(folder, 'b') is None
    write(folder, 4, 'b')
    assert newest_whole(folder, 'b') == folder / 'iter_4.pth'
    assert len(list(folder.glob('iter_*.pth'))) == 4


def test_with_none_left_nothing_is_thrown_away(folder, tmp_path_factory):
    for path in folder.glob('iter_*.pth'):
        path.write_bytes(b'x')
    with pytest.raises(UserError, match='3 checkpoint'):
        newest_whole(folder)
    assert newest_whole(tmp_path_factory.mktemp('empty')) is None


def test_lines_that_will_be_written_again_are_cut(tmp_path):
    path = tmp_path / 'metrics.jsonl'
    lines = [
        json.dumps({'step': step, 'split': split})
        for step, split in ((2, 'train'), (4, 'train'), (4, 'val'), (6, 'train'), (4, 'test'))
    ]
    path.write_text('\n'.join([*lines, '{"step": 4, "split": "tr']))
    cut_metrics(path, step=4, validated=2)
    assert path.read_text().splitlines() == lines[:2]
    path.write_text('\n'.join(lines) + '\n')
    cut_metrics(path, step=4, validated=4)
    assert path.read_text().splitlines() == lines[:3]


def test_only_temporary_files_are_removed(tmp_path):
    for name in ('.iter_5.pth.123.tmp', '.lock', 'x.tmp', '.notes.tmp'):
        (tmp_path / name).write_text('')
    remove_temporary_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'.lock', 'x.tmp', '.notes.tmp'}

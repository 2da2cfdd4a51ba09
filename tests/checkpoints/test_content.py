import contextlib
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from icpc.checkpoints import content
from icpc.checkpoints.content import steps_in
from icpc.checkpoints.hook import NewestCheckpointsHook
from icpc.errors import UserError
from icpc.files import write_text_atomically


class Crafted:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    torch.save(
        {'state_dict': {'x': torch.ones(1)}, 'extra': Crafted(tmp_path / 'ran')},
        tmp_path / 'bad.pth',
    )
    with pytest.raises(UserError, match='could run code'):
        content.load_checkpoint(tmp_path / 'bad.pth')
    (tmp_path / 'bare.pth').write_bytes(pickle.dumps(Crafted(tmp_path / 'ran')))
    with pytest.raises(UserError):
        content.check_loads_safely(tmp_path / 'bare.pth')
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    ('names', 'hint'),
    [(['b.pth', 'a.safetensors', 'c.txt'], 'it: a.safetensors, b.pth$'), (['c.txt'], 'none in it')],
)
def test_a_folder_is_no_checkpoint(tmp_path, names, hint):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=f'is a folder, not a checkpoint; .*{hint}'):
        content.load_checkpoint(tmp_path)


def test_a_damaged_file_is_one_clear_message(tmp_path):
    whole = tmp_path / 'whole.pth'
    content.save_atomically({'state_dict': {'x': torch.ones(1000)}}, whole)
    for size in (0, 10, whole.stat().st_size // 2):
        (tmp_path / 'cut.pth').write_bytes(whole.read_bytes()[:size])
        with pytest.raises(UserError, match=r'cut\.pth'):
            content.load_checkpoint(tmp_path / 'cut.pth')


def test_one_wrong_byte_is_noticed_wherever_it_is(tmp_path):
    path = tmp_path / 'iter_4.pth'
    content.save_atomically({'state_dict': {'x': torch.ones(1000)}, 'meta': {}}, path)
    whole = path.read_bytes()
    for place in (whole.index(b'state_dict'), len(whole) // 2):  # in the pickle, in the numbers
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for read in (content.load_checkpoint, content.check_loads_safely):
            with pytest.raises(content.Damaged, match=r'iter_4\.pth: is damaged .*checksum'):
                read(path)
    for place in range(0, len(whole), 31):  # also in names, lengths and flags of the archive
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        with contextlib.suppress(UserError):  # bytes between the parts do not count
            state = content.load_checkpoint(path)['state_dict']
            assert torch.equal(state['x'], torch.ones(1000))
    torch.save({'x': 1}, path, _use_new_zipfile_serialization=False)  # has no checksums
    assert content.load_checkpoint(path) == {'x': 1}


def test_a_write_that_fails_leaves_the_former_file(tmp_path):
    path = tmp_path / 'x.pth'
    content.save_atomically({'n': 1}, path)
    with pytest.raises(AttributeError):
        content.save_atomically({'n': lambda: None}, path)
    assert content.load_checkpoint(path) == {'n': 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_pointer_is_relative_so_a_work_dir_can_be_moved(tmp_path):
    assert content.latest_checkpoint(tmp_path) is None
    write_text_atomically('iter_5.pth', tmp_path / content.POINTER)
    assert content.latest_checkpoint(tmp_path) == tmp_path / 'iter_5.pth'


def test_plain_values_survive_a_safe_round_trip(tmp_path):
    buffer = HistoryBuffer([1.0, 2.5], [1, 1])
    value = {'loss': buffer, 'n': np.float32(0.5), 'map': {np.int64(3): (1, None)}, 'p': np.eye(2)}
    content.save_atomically(content.plain(value), tmp_path / 'x.pth')
    loaded = content.load_checkpoint(tmp_path / 'x.pth')
    restored = content.history(loaded.pop('loss'))
    assert loaded == {'n': 0.5, 'map': {3: (1, None)}, 'p': [[1.0, 0.0], [0.0, 1.0]]}
    assert [list(part) for part in restored.data] == [[1.0, 2.5], [1, 1]]


def test_what_hooks_keep_for_themselves_is_left_out():
    info = {'iter': np.int64(3), 'best': [1.0, 'x'], 'object': object(), 'inside': {'a': object()}}
    assert content.drop_foreign(info) == {'iter': 3, 'best': [1.0, 'x']}


def test_only_files_of_training_are_its_checkpoints(tmp_path):
    for name in ('iter_4.pth', 'iter_12.pth', 'iter_best.pth', 'iter_1.pth.tmp', 'my_iter_3.pth'):
        (tmp_path / name).write_bytes(b'')
    for name in ('iter_.pth', 'iter_-5.pth', 'iter_007.pth', 'iter_2_old.pth', 'iter_٣.pth'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'iter_8.pth').mkdir()
    assert steps_in(tmp_path) == {n: tmp_path / f'iter_{n}.pth' for n in (4, 12)}
    NewestCheckpointsHook(interval=1, keep=1)._remove_old(tmp_path, newest=12)
    assert steps_in(tmp_path).keys() == {12}
    assert (tmp_path / 'iter_best.pth').exists()

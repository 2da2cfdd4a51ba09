import json
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from icpc.engine.checkpoint import check_loads_safely, load_checkpoint
from icpc.errors import UserError
from icpc.experiments.publication import publish


@pytest.fixture
def work_dir(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    shared = torch.arange(6.0)
    # Two views of one storage, and an integer: all must come back as they are.
    state = {'head.weight': shared[:4], 'head.tied': shared[2:], 'steps': torch.tensor(7)}
    meta = {'iter': 20, 'seed': 3, 'classes': ['sky', 'tree']}
    torch.save({'state_dict': state, 'meta': meta, 'optimizer': {}}, folder / 'iter_20.pth')
    (folder / 'last_checkpoint').write_text('iter_20.pth')
    (folder / 'config.py').write_text("seed = 3  # the run's\n")
    model = {'prompter': {'type': 'InstancePrompter'}, 'clip': {'model': 'RN50', 'pretrained': 'p'}}
    (folder / 'resolved_config.json').write_text(json.dumps({'model': model}))
    record = {
        'state': 'finished',
        'steps': 20,
        'seconds': 65.0,
        'machine': {'gpus': ['H'], 'processor': 'P'},
        'metrics': {'test': {'step': 20, 'mIoU': 44.123}},
    }
    (folder / 'run.json').write_text(json.dumps(record))
    return folder


def test_the_weights_come_back_bit_by_bit(work_dir, tmp_path):
    out = publish(work_dir, tmp_path / 'out')
    state = load_checkpoint(work_dir / 'iter_20.pth')['state_dict']
    back = load_checkpoint(out / 'model.safetensors')['state_dict']
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    with safe_open(out / 'model.safetensors', 'pt') as file:
        assert json.loads(file.metadata()['classes']) == ['sky', 'tree']
    check_loads_safely(out / 'model.safetensors')
    assert (out / 'config.py').read_text() == "seed = 3  # the run's\n"


def test_the_card_says_what_was_recorded(work_dir, tmp_path):
    out = publish(work_dir / 'iter_20.pth', tmp_path / 'out', 'My model', 'mit')
    card = (out / 'README.md').read_text()
    assert card.startswith('---\nlicense: mit\n')
    for line in (
        '# My model',
        '| prompts | InstancePrompter |',
        '| CLIP | RN50, started from p |',
        '| numbers in the file | 8 |',
        '| test | mIoU | 44.12 |',
        '| seed | 3 |',
        '| time | 1:05 on H |',
        'sky, tree',
    ):
        assert line in card.splitlines()
    tables = re.findall(r'(?:^\|.*\n)+', card, re.MULTILINE)
    assert len(tables) == 3
    assert all(len({row.count('|') for row in table.splitlines()}) == 1 for table in tables)


def test_results_of_another_checkpoint_are_not_claimed(work_dir, tmp_path):
    record = json.loads((work_dir / 'run.json').read_text())
    (work_dir / 'run.json').write_text(json.dumps({**record, 'steps': 40}))
    card = (publish(work_dir, tmp_path / 'out') / 'README.md').read_text()
    assert '44.12' not in card
    assert 'Not recorded for this checkpoint.' in card


class Crafted:
    def __reduce__(self):
        return (Path.touch, (Path('touched'),))


def test_a_crafted_checkpoint_is_refused_and_runs_nothing(work_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (work_dir / 'iter_20.pth').open('wb') as file:
        pickle.dump({'state_dict': Crafted()}, file)
    with pytest.raises(UserError, match=r'refused|damaged'):
        publish(work_dir, tmp_path / 'out')
    torch.save({'state_dict': Crafted(), 'meta': {}}, work_dir / 'iter_20.pth')
    with pytest.raises(UserError, match='refused'):
        publish(work_dir, tmp_path / 'out')
    assert not (tmp_path / 'touched').exists()
    assert not (tmp_path / 'out').exists()


def test_nothing_is_replaced_and_what_is_missing_is_named(work_dir, tmp_path):
    out = publish(work_dir, tmp_path / 'out')
    with pytest.raises(
        UserError, match=r'holds model\.safetensors, config\.py, README\.md already'
    ):
        publish(work_dir, out)
    with pytest.raises(UserError, match='no checkpoint there'):
        publish(tmp_path / 'nowhere', tmp_path / 'other')
    (work_dir / 'config.py').unlink()
    with pytest.raises(UserError, match='publish a checkpoint from its work dir'):
        publish(work_dir, tmp_path / 'other')


def test_a_wrong_byte_is_not_published(work_dir, tmp_path):
    path = work_dir / 'iter_20.pth'
    data = path.read_bytes()
    place = data.index(torch.arange(6.0).numpy().tobytes())
    path.write_bytes(data[:place] + b'!' + data[place + 1 :])
    with pytest.raises(UserError, match=r'iter_20\.pth: is damaged .*an earlier checkpoint'):
        publish(work_dir, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_damaged_safetensors_file_is_named(tmp_path):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(b'\x08\x00\x00\x00\x00\x00\x00\x00{broken}')
    with pytest.raises(UserError, match='damaged'):
        load_checkpoint(path)

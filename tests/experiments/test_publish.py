import json
import pickle
import re
import shutil
from pathlib import Path

import downloads
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from mmengine.config import Config
from mmseg.registry import MODELS
from safetensors import safe_open

from icpc import load_config
from icpc.checkpoints.content import check_loads_safely, load_checkpoint
from icpc.checkpoints.fitting import load_weights
from icpc.commands.evaluate import evaluate
from icpc.config.load import merge_config
from icpc.errors import UserError
from icpc.experiments.publish import publish
from icpc.run_dir.record import RESOLVED


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
    assert ModelCard(card).data.to_dict() == {
        'license': 'mit',
        'library_name': 'icpc',
        'tags': ['semantic-segmentation', 'clip', 'mmsegmentation'],
    }
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
        UserError, match=r'holds model\.safetensors, config\.py, README\.md, config\.json already'
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


CONFIG = Path(__file__).parents[2] / 'configs' / 'icpc' / 'icpc_rn50_fpn_80k_folder-512.py'
NAMES = ['cat', 'dog, hound', 'bird']


def own_folder(root: Path, names: list[str]) -> Path:
    """One picture a split: a column of each of NAMES, by the ids of this folder's own list."""
    ids = downloads.ids([names.index(name) for name in NAMES], np.uint16)
    for split in ('training', 'validation'):
        files = {f'images/{split}/0.jpg': downloads.picture()}
        downloads.write(root, files | {f'annotations/{split}/0.png': downloads.encoded(ids)})
    (root / 'classes.txt').write_text(''.join(f'{name}\n' for name in names))
    return root


@pytest.fixture
def own_run(tmp_path, tiny_resnet_cfg, monkeypatch) -> Path:
    """The work dir of a run on an own folder, with a CLIP from a folder; both are then gone."""
    monkeypatch.chdir(tmp_path)
    data, clip, run = (
        own_folder(tmp_path / 'data', NAMES),
        tmp_path / 'clips/tiny',
        tmp_path / 'run',
    )
    clip.mkdir(parents=True)
    (clip / 'open_clip_config.json').write_text(json.dumps(dict(model_cfg=tiny_resnet_cfg)))
    run.mkdir()
    options = {
        'data_root': str(data),
        'num_workers': 0,
        'crop_size': 64,
        'model.clip': dict(model='clips/tiny', pretrained='clips/tiny.pt', image_size=None),
        'model.neck.out_channels': 8,
        'model.decode_head.channels': 8,
    }
    (run / 'config.py').write_text(merge_config(CONFIG, options).pretty_text)
    cfg = load_config(run / 'config.py', ['model.clip.pretrained=None'])
    (run / RESOLVED).write_text(json.dumps(cfg.to_dict(), default=str))
    state = MODELS.build(cfg.model).state_dict()
    meta = {'iter': 1, 'classes': cfg.class_names}
    torch.save({'state_dict': state, 'meta': meta}, run / 'iter_1.pth')
    (run / 'last_checkpoint').write_text('iter_1.pth')
    return run


def gone(tmp_path: Path, *keep: Path) -> None:
    for path in tmp_path.iterdir():
        if path not in keep:
            shutil.rmtree(path)


def test_an_own_folders_model_loads_and_is_tested_anywhere(own_run, tmp_path):
    out = publish(own_run, tmp_path / 'out')
    here = own_folder(tmp_path / 'here', NAMES)
    before = evaluate(str(own_run / 'config.py'), str(own_run / 'iter_1.pth'), work_dir='t1')
    gone(tmp_path, out, here)
    config, weights = str(out / 'config.py'), str(out / 'model.safetensors')
    cfg = load_config(config)  # no data, no CLIP folder
    assert cfg.model.class_names == NAMES
    load_weights(MODELS.build(cfg.model), load_checkpoint(weights), weights)

    # Elsewhere the same classes have other ids, and there are more of them.
    there = own_folder(tmp_path / 'there', ['bird', 'fish', 'cat', 'dog, hound'])
    options = [f'data_root={there}']
    assert evaluate(config, weights, options, 't2') == before
    shutil.rmtree(there / 'images')
    with pytest.raises(UserError, match='there/images/validation: no such folder'):
        evaluate(config, weights, options, 't3')


def test_the_config_has_what_is_not_here_written_into_it(own_run, tmp_path):
    tree = Config.fromfile(str(publish(own_run, tmp_path / 'out') / 'config.py'))
    assert tree.classes == NAMES
    assert tree.model.clip.model.embed_dim == 32
    assert tree.model.clip.pretrained is None
    assert 'clips/tiny' not in (tmp_path / 'out/config.py').read_text()
    card = (tmp_path / 'out' / 'README.md').read_text()
    assert 'model.safetensors --cfg-options data_root=FOLDER\n' in card
    assert 'pipeline_tag' not in card
    assert 'training machine' not in card


def test_the_card_names_what_the_config_still_needs(own_run, tmp_path):
    text = (own_run / 'config.py').read_text()
    text += "custom_imports = dict(imports=['icpc', 'my_parts.heads'])\nload_from = 'a.pth'\n"
    text += "tta_model = dict(type='Mine', table='/home/me/table.csv')\n"
    (own_run / 'config.py').write_text(text)
    out = publish(own_run, tmp_path / 'out')
    card = (out / 'README.md').read_text()
    assert 'The config imports `my_parts`, code of the training that is not in here' in card
    assert '`tta_model.table` still names a place on the training machine' in card
    tree = Config.fromfile(str(out / 'config.py'), import_custom_modules=False)
    assert tree.load_from is None
    assert tree.custom_imports.imports == ['icpc', 'my_parts.heads']


def test_a_folder_of_clip_that_is_gone_is_named_before_anything_is_written(own_run, tmp_path):
    shutil.rmtree(tmp_path / 'clips')
    with pytest.raises(UserError, match="'clips/tiny' is neither.*publish where the run was made"):
        publish(own_run, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'words', [('m', 'mit\nbase_model: evil/x'), ('m\n---\n# x', 'mit'), ('m', '')]
)
def test_words_of_the_card_are_one_line(work_dir, tmp_path, words):
    with pytest.raises(UserError, match='--license|--name'):
        publish(work_dir, tmp_path / 'out', *words)
    assert not (tmp_path / 'out').exists()


def test_names_are_text_in_the_card(work_dir, tmp_path):
    path = next(work_dir.glob('iter_*.pth'))
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['meta']['classes'] = [
        'a</td><script>x</script>',
        'b | c\n---\nlicense: x',
        '`d` [e](f)',
    ]
    torch.save(checkpoint, path)
    card = (publish(work_dir, tmp_path / 'out') / 'README.md').read_text()
    assert '<script' not in card
    assert '\nlicense: x' not in card
    assert '`d`' not in card
    assert '[e]' not in card


def test_a_config_that_is_a_program_is_not_run(work_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (work_dir / 'config.py').write_text("open('touched', 'w')\n")
    with pytest.raises(UserError, match=r'config\.py:1: .*a program'):
        publish(work_dir, tmp_path / 'out')
    assert not (tmp_path / 'touched').exists()

import json
from pathlib import Path

import pytest
import torch

from icpc.config.load import load_config
from icpc.errors import UserError
from icpc.experiments.study.runs import expand
from icpc.experiments.study.schema import Study
from icpc.run_dir.fingerprints import plain_tree, weights_fingerprint

CONFIG = Path(__file__).resolve().parents[3] / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'
_STATIC = {'model.prompter.type': 'StaticPrompter'}


def study(**changes) -> Study:
    values = dict(
        name='s',
        base=CONFIG,
        seeds={'0': {'seed': 0}, '1': {'seed': 1}},
        metrics={'mIoU': 'mIoU'},
        rows={'ICPC': {}, 'CoOp': _STATIC},
    )
    return Study(**{**values, **changes})


def identities(out, code='c', **changes):
    return [run.identity for run in expand(study(**changes), out, code)]


def write_data(root, content=b'x'):
    for folder in ('images', 'annotations'):
        for split in ('training', 'validation', 'test'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
            (root / folder / split / '0.png').write_bytes(content)


def test_every_cell_once_and_all_rows_of_a_seed_before_the_next(tmp_path):
    regimes = {'few': {'train_images': 20}, 'many': {'train_images': 100}}
    runs = expand(study(regimes=regimes, shared={'max_iters': 7}), tmp_path, 'c')
    names = [run.name for run in runs]
    assert names[:4] == [f'{g} / {r} / seed 0' for g in ('few', 'many') for r in ('ICPC', 'CoOp')]
    assert len(set(names)) == len({run.work_dir for run in runs}) == 8
    assert runs[7].overrides == {'max_iters': 7, 'train_images': 100, **_STATIC, 'seed': 1}


def test_a_misspelt_override_names_its_row(tmp_path):
    rows = {'ICPC': {}, 'typo': {'model.prompter.num_context': 4}}
    with pytest.raises(UserError, match="row 'typo': .*did you mean num_contexts"):
        expand(study(rows=rows), tmp_path, 'c')


def test_rows_that_are_the_same_run_are_refused(tmp_path):
    rows = {'ICPC': {}, 'other name': {'max_iters': 1000}}  # what the config says anyway
    with pytest.raises(UserError, match='resolve to the same config'):
        expand(study(rows=rows), tmp_path, 'c')


def test_identity_is_what_the_config_resolves_to(tmp_path):
    base = identities(tmp_path)
    assert identities(tmp_path) == base
    assert not set(identities(tmp_path, shared={'lr': 1e-3})) & set(base)
    written_otherwise = identities(tmp_path, shared={'max_iters': 2 * 500})
    assert written_otherwise == base


def test_identity_changes_with_data_and_weights(tmp_path):
    root, clip = tmp_path / 'data', tmp_path / 'clip'
    clip.mkdir()
    weights = clip / 'open_clip_model.safetensors'
    shared = {'data_root': str(root), 'model.clip.model': str(clip)}
    found = []
    for data, content in ((b'x', b'w'), (b'y', b'w'), (b'y', b'v'), (b'y', b'v')):
        write_data(root, data)
        weights.write_bytes(content)
        found.append(identities(tmp_path, shared=shared)[0])
    assert len(set(found)) == 3
    assert found[2] == found[3]


def test_the_checkpoint_that_rows_start_from_makes_them_different_runs(tmp_path):
    start = tmp_path / 'iter_4.pth'
    torch.save({'state_dict': {'w': torch.ones(1)}}, start)
    rows = {'ICPC': {}, 'warm': {'load_from': str(start)}}
    scratch, warm = identities(tmp_path, rows=rows, seeds={'0': {'seed': 0}})
    torch.save({'state_dict': {'w': torch.zeros(1)}}, start)
    again = identities(tmp_path, rows=rows, seeds={'0': {'seed': 0}})
    assert again[0] == scratch
    assert again[1] != warm
    assert identities(tmp_path)[0] == scratch


def test_choosing_on_validation_leaves_the_test_split_out(tmp_path):
    run = expand(study(split='val'), tmp_path, 'c')[0]
    assert run.overrides['test_dataloader'] is None
    assert not any(key.startswith('test') for key in expand(study(), tmp_path, 'c')[0].overrides)


def test_other_code_makes_other_runs_unless_any_will_do(tmp_path):
    old = expand(study(), tmp_path, 'old')
    for run in old[:2]:
        run.work_dir.mkdir(parents=True)
    (old[0].work_dir / 'run.json').write_text(json.dumps({'state': 'finished'}))
    (old[1].work_dir / 'run.json').write_text(json.dumps({'state': 'running'}))
    again = old[0].work_dir.with_name(f'{old[0].work_dir.name}-again')  # of tools/reproduce.py
    again.mkdir()
    (again / 'repeats.json').write_text('{}')
    (again / 'run.json').write_text(json.dumps({'state': 'finished'}))
    assert [run.finished for run in expand(study(), tmp_path, 'new')] == [False] * 4
    taken = expand(study(), tmp_path, 'new', any_code=True)
    assert [run.finished for run in taken] == [True, False, False, False]
    assert [run.code for run in taken] == ['old', 'new', 'new', 'new']


def test_a_folder_of_an_older_version_is_found_by_what_it_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the scenes are not
    new = expand(study(shared={'gpu_batch': 1}), tmp_path, 'new')[0]
    old = new.work_dir.with_name('0-0123456789-old')
    old.mkdir(parents=True)
    config = load_config(CONFIG, {**new.overrides, 'gpu_batch': 8}, str(old)).to_dict()
    config |= {'launcher': 'pytorch', 'custom_hooks': [{'type': 'WholeInEvaluationHook'}]}
    (old / 'resolved_config.json').write_text(json.dumps(plain_tree(config)))
    clip = weights_fingerprint(config['model'])
    prints = {'data': {'train': None, 'val': None, 'test': None}, 'weights': clip}
    (old / 'run.json').write_text(json.dumps({'state': 'finished', 'fingerprints': prints}))
    assert expand(study(), tmp_path, 'new', any_code=True)[0].work_dir == old
    assert expand(study(shared={'lr': 1.0}), tmp_path, 'new', any_code=True)[0].work_dir != old

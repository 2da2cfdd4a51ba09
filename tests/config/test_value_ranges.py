"""A value of the wrong type or range is one message with its key, before anything is written."""

import math
from pathlib import Path

import pytest

from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.errors import UserError

NAN = math.nan
ADE = Path(__file__).resolve().parents[2] / 'configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py'
REFUSED = {
    'max_iters': [0, -1, 1.5, True, 'a', None, [1], NAN],
    'val_interval': [0, 1.5, True, 'x', None],
    'log_interval': [0, 1.5],
    'lr': [NAN, math.inf, -1, 'x', None, True, [1e-3]],
    'weight_decay': [NAN, -1],
    'global_batch': [0, True, 1.0, 'x', None],
    'gpu_batch': [0, True],
    'crop_size': [0, -1, 1.5, 'x', None, True],
    'num_workers': [-1, 1.5, 'x', None, True],
    'seed': [-1, 1.5, True, 2**40],
    'warmup_iters': [-1, 1.5, NAN],
    'ignore_index': [-1, 1.5, 'x', None],
    'data_root': [1, ['a'], ''],
    'train_images': [0, -1, 'x'],
    'resume': ['x'],
    'load_from': [5],
    'load_from_partial': ['x', 1, None],
    'launcher': ['pytorch'],
    'default_scope': ['nope', 3],
    'default_hooks': [None, {'x': 3}, {}],
    'default_hooks.metrics.tracker': [[], {}, 3],
    'model.data_preprocessor.size_divisor': [32, 0, 'x'],
    'model.data_preprocessor.seg_pad_val': [[1, 2], 'x', -1],
    'custom_hooks': ['x', [3], [{}], {'type': 'ProfilerHook'}],
    'model': [3, {}],
    'optim_wrapper': [None, 3],
    'train_cfg.max_iters': [5],
    'train_cfg.val_interval': [7],
    'train_cfg.val_begin': [0, 'x'],
    'train_dataloader.dataset.metainfo': [3, {'classes': []}],
    'optim_wrapper.optimizer.lr': [NAN, 'x'],
    'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': [-1, 'x'],
    'param_scheduler.PolyLR.power': [NAN, 'x', -1],
    'param_scheduler.LinearLR.start_factor': [0, 'x'],
    'model.neck.out_channels': [0, 1.5, 'x', None],
    'model.neck.levels': [3, None],
    'model.decode_head.channels': [-1, 'x'],
    'model.decode_head.dropout_ratio': [-1, 2, NAN],
    'model.losses.score_map.temperature': [0, -1, 'x'],
    'model.losses.align.weight': [-1, math.inf, 'x'],
    'model.losses.align.num_hard': [1.5],
    'model.clip.model': [3, None],
    'model.clip.image_size': [0, 'x'],
    'default_hooks.checkpoint.interval': [0, 1.5],
    'default_hooks.checkpoint.type': [3, 'CheckpointHook'],
    'model.prompter': [3, 'x', [], {}],
    'model.neck': [3, []],
    'model.backbone': [3, 'x', None],
    'model.clip': [3, {}, None],
    'model.losses': [3, 'x'],
    'model.losses.new': [3, {}],
    'model.test_cfg': [3, 'x'],
    'model.data_preprocessor': [3, None],
    'model.data_preprocessor.std': [3, [1], [0, 0, 0]],
    'model.data_preprocessor.size': [3, [64], None],
    'model.decode_head.loss_decode': [3, []],
    'model.decode_head.type': [3],
    'model.prompter.type': ['os.system'],
    'model.class_names': [-1, 'x', [], [1]],
    'model.shuffle_names': ['x', -1],
    'model.held_out_classes': [3],
    'val_dataloader': [3, {}],
    'test_evaluator': [3],
    'train_dataloader.dataset.data_prefix': [3],
    'train_dataloader.collate_fn': [{'type': 'os.system'}],
    'train_pipeline.RandomFlip.prob': [-1, 2, NAN, 'x', [0.6, 0.6], [2]],
    'train_pipeline.RandomResize.ratio_range': [0, [0, 2], [2, 0.5], [1], 'x', [NAN, 1]],
    'train_pipeline.RandomResize.scale': [0, [0, 64], [64, 1.5], 'x'],
    'train_pipeline.RandomCrop.crop_size': [0, [64, 0], -1, [1.5, 64]],
    'train_pipeline.RandomCrop.cat_max_ratio': [0, -1, 2, 'x'],
    'test_pipeline.Resize.scale_factor': [0, [1, -1], 'x'],
    'train_pipeline.PhotoMetricDistortion.contrast_range': ['x', [2, 1], [0, 1], [None, 1]],
    'train_pipeline.PhotoMetricDistortion.hue_delta': [-1, 'x', 1.5, 0],
    'train_pipeline': ['x', [], [3], {}],
    'test_dataloader.dataset.pipeline': ['x', [], [3], None],
    'test_pipeline.PackSegInputs.meta_keys': [[], 3, [3]],
    'train_dataloader.dataset': [0, 'x', [], None],
    'val_dataloader.dataset': [1.5],
    'train_dataloader.dataset.data_prefix.img_path': [True, 0, [], {}],
    'val_dataloader.sampler': [1.5, [], {}],
    'val_evaluator.ignore_index': [None, -1, 'x'],
    'val_evaluator.held_out_classes': ['x', [], [1]],
    'val_evaluator.seen_conditions': [True, -1, []],
    'held_out_classes': [1.5, [], 'x'],
    'model.test_cfg.mode': [1.5, 'x', None],
    'custom_imports.imports': [[3], [None]],
    'optim_wrapper.paramwise_cfg': [3, {'custom_keys': 3}],
    'optim_wrapper.accumulative_counts': [3],
    'auto_scale_lr': [3, {'enable': True}],
    'model_wrapper_cfg': [3],
}
ROWS = [(key, value) for key, values in REFUSED.items() for value in values]


@pytest.mark.parametrize(('key', 'value'), ROWS, ids=[f'{k}={v!r}' for k, v in ROWS])
def test_it_is_refused_by_its_key(key, value, toy_demo):
    last = key.split('.')[-1]
    with pytest.raises(UserError, match=rf'\b{last}\b|{key.split(".")[0]}'):
        load_config(ADE if 'pipeline' in key else toy_demo, {key: value})


@pytest.fixture(scope='module')
def toy_demo() -> Path:
    return Path(__file__).resolve().parents[2] / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'


def test_what_is_accepted_stays(toy_demo):
    given = {'lr': 0, 'gpu_batch': None, 'seed': None, 'crop_size': 64, 'resume': True}
    assert load_config(toy_demo, given).lr == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'optim_wrapper.optimizer.betas': [2, 3]}, 'optim_wrapper cannot be built: .*beta'),
        ({'train_dataloader.persistent_workers': True}, 'train_dataloader cannot be .*num_workers'),
        ({'param_scheduler': {'type': 'PolyLR', 'end': 0, 'by_epoch': False}}, 'param_scheduler'),
        ({'model.decode_head.in_channels': 'x'}, 'decode_head.in_channels must be'),
        ({'train_pipeline': [{'type': 'LoadImageFromFile'}]}, 'PackSegInputs'),
        ({'default_hooks.checkpoint.keep': 'x'}, 'keep'),
        ({'model.init_cfg': {'type': 'Pretrained', 'checkpoint': '/no'}}, 'init_cfg .*/no'),
        ({'train_pipeline.RandomCrop.crop_size': [64]}, 'crop_size'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused_while_it_is_built_leaves_nothing(toy_config, tmp_path, options, message):
    folder = tmp_path / 'new' / 'run'
    with pytest.raises(UserError, match=message):
        train(str(toy_config), {'default_hooks.panel': None, **options}, str(folder))
    assert not (tmp_path / 'new').exists()


def test_what_was_in_the_work_dir_stays(toy_config, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/notes.txt').write_text('mine')
    with pytest.raises(UserError):
        train(str(toy_config), {'optim_wrapper.optimizer.betas': [2, 3]}, str(tmp_path / 'run'))
    assert [path.name for path in (tmp_path / 'run').iterdir()] == ['notes.txt']


def test_resume_in_a_config_means_resume(toy_config, tmp_path, capsys):
    options = {'default_hooks.panel': None, 'max_iters': 2, 'val_interval': 1}
    train(str(toy_config), options, str(tmp_path / 'run'))
    capsys.readouterr()
    train(str(toy_config), {**options, 'resume': True}, str(tmp_path / 'run'))
    assert 'nothing is left to train' in capsys.readouterr().out


def test_a_dotted_type_runs_nothing_that_is_not_registered(toy_config, tmp_path):
    marker = tmp_path / 'marker'
    hook = {'type': 'subprocess.Popen', 'args': ['touch', str(marker)]}
    with pytest.raises(UserError, match=r'custom_hooks\.0\.type: subprocess\.Popen is not'):
        load_config(toy_config, {'custom_hooks': [hook]})
    known = {'type': 'mmengine.hooks.EarlyStoppingHook', 'monitor': 'mIoU'}
    assert load_config(toy_config, {'custom_hooks': [known]}).custom_hooks[0].type == known['type']
    assert not marker.exists()

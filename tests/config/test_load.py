import pytest
from mmengine.config import Config

from icpc import load_config
from icpc.config.load import merge_config
from icpc.errors import UserError


def test_one_override_acts_everywhere(toy_config):
    cfg = load_config(toy_config, ['crop_size=64', 'max_iters=40', 'data_root=elsewhere'])
    assert cfg.model.data_preprocessor.size == (64, 64)
    assert cfg.train_dataloader.dataset.pipeline[2].crop_size == (64, 64)
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[1].end == 40
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin == 4
    assert {cfg[f'{name}_dataloader'].dataset.data_root for name in ('train', 'val', 'test')} == {
        'elsewhere'
    }


@pytest.mark.parametrize('max_iters', [1, 2, 9, 15000, 80000])
def test_the_schedule_shrinks_with_the_run(toy_config, max_iters):
    warm, poly = load_config(toy_config, {'max_iters': max_iters}).param_scheduler
    assert 0 == warm.begin < warm.end == poly.begin < poly.end
    assert warm.end == max(2, min(1500, max_iters // 10))


def test_classes_come_from_the_dataset(toy_config):
    assert load_config(toy_config).class_names == ['red', 'green', 'blue']


def test_chosen_classes_reach_every_dataset(toy_config, tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('blue\nred\n')
    for classes in (['blue', 'red'], str(names)):
        cfg = load_config(toy_config, {'classes': classes})
        assert cfg.class_names == ['blue', 'red']
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            assert cfg[loader].dataset.metainfo.classes == ['blue', 'red']


def test_ade20ks_trailing_space_stays_with_the_dataset_and_leaves_the_prompts(toy_config):
    options = {'dataset_type': 'ADE20KDataset', 'classes': ['bed', 'sky']}
    cfg = load_config(toy_config, options)
    assert cfg.class_names == ['bed', 'sky']
    assert cfg.train_dataloader.dataset.metainfo.classes == ['bed ', 'sky']


def test_the_batch_is_split(toy_config):
    cfg = load_config(toy_config, ['global_batch=12', 'gpu_batch=3'])
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.train_cfg.accumulation == cfg.optim_wrapper.accumulative_counts == 4


def test_without_a_gpu_norms_are_not_synchronised(toy_config, monkeypatch):
    monkeypatch.setattr('icpc.config.load.get_device', lambda: 'cpu')
    assert load_config(toy_config).model.decode_head.norm_cfg.type == 'BN'
    monkeypatch.setattr('icpc.config.load.get_device', lambda: 'cuda')
    assert load_config(toy_config).model.decode_head.norm_cfg.type == 'SyncBN'


def test_work_dir_follows_the_name(toy_config):
    assert load_config(toy_config).work_dir == 'work_dirs/toy'
    assert load_config(toy_config, work_dir='x').work_dir == 'x'


def test_the_merged_config_can_be_written_and_overridden_again(toy_config, tmp_path):
    written = tmp_path / 'again.py'
    written.write_text(merge_config(toy_config, ['max_iters=100', 'lr=1']).pretty_text)
    cfg = load_config(written, ['max_iters=50'])
    assert (cfg.train_cfg.max_iters, cfg.optim_wrapper.optimizer.lr) == (50, 1)


def test_nothing_is_left_to_resolve(toy_config):
    assert '${' not in Config(load_config(toy_config).to_dict()).pretty_text


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('model.backbone.widht=3', r'ToyBackbone has no such argument; did you mean width'),
        ('max_iter=3', 'did you mean max_iters'),
        ('class_names=[a]', r'set classes='),
        ('classes=[redd]', "no class 'redd'; did you mean red"),
        ('classes=names.txt', 'no such names file'),
        ('gpu_batch=3', 'numbers that work: 1, 2, 4'),
        ('optim_wrapper.optimizer.weight_decays=1', 'did you mean weight_decay'),
        ('train_pipeline.2.crop_sizes=1', 'did you mean crop_size'),
        ('default_hooks.progress.line=1', 'did you mean lines'),
        ('train_dataloader.num_worker=1', 'did you mean num_workers'),
        ('train_dataloader.dataset.image_suffix=x', 'did you mean img_suffix'),
        ('param_scheduler.0.by_epoch=True', r'param_scheduler.0: set by_epoch=False'),
        ('log_processor.by_epoch=True', 'log_processor: set by_epoch=False'),
        ('load_from=missing.pth', 'no such checkpoint'),
        ('load_from_partial=True', 'there is no load_from'),
        ('model.backbone.type=mmseg::x', 'install packages'),
        ('randomness.sed=1', 'did you mean seed'),
    ],
)
def test_what_would_have_no_effect_is_refused(toy_config, option, message):
    with pytest.raises(UserError, match=message):
        load_config(toy_config, [option])


def appended(path, text):
    path.write_text(path.read_text() + text)
    return path


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('unread = 3\n', r'unread: nothing reads .*\$\{unread\}'),
        ("model['backbone']['widht'] = 1\n", r'model.backbone.widht: .*did you mean width'),
        (
            "custom_hooks = [dict(type='ProgresHook')]\n",
            r'custom_hooks.0.type: .*did you mean ProgressHook',
        ),
        ('train_dataloader = dict(batch_size=3)\n', 'follows from global_batch'),
        (
            "model['class_names'] = ['red', 'grey', 'blue']\n",
            "class 1, 'grey' in the model, 'green'",
        ),
        ("model['class_names'] = ['red', 'green']\n", "class 2, None in the model, 'blue'"),
        ("_base_ = 'mmseg::ade20k.py'\n", 'install packages'),
        ('lr = [\n', r'toy\.py:39: SyntaxError: .*never closed'),
        ('lr = dict(a=1)\n', r'toy\.py: .*_delete_=True'),
        ("custom_imports = dict(imports=['icpcc'])\n", r'toy\.py: .*icpcc'),
    ],
)
def test_faults_of_a_config_file_are_refused(toy_config, text, message):
    with pytest.raises(UserError, match=message):
        load_config(appended(toy_config, text))


def test_a_missing_base_is_named(tmp_path):
    (tmp_path / 'leaf.py').write_text("_base_ = './missing.py'\n")
    with pytest.raises(UserError, match=r'leaf\.py: .*missing\.py'):
        load_config(tmp_path / 'leaf.py')


def test_a_variable_that_the_override_makes_unread_is_refused(toy_config):
    with pytest.raises(UserError, match='crop_size: overriding it has no effect'):
        load_config(
            toy_config,
            {
                'crop_size': 64,
                'model.data_preprocessor.size': (8, 8),
                'train_pipeline.2.crop_size': (8, 8),
            },
        )


def test_a_variable_that_only_a_removed_part_read_is_no_fault(toy_config):
    appended(
        toy_config,
        "width = 8\nmodel['neck'] = dict(type='Feature2Pyramid', embed_dim='${width}')\n",
    )
    assert load_config(toy_config, ['model.neck=None']).model.neck is None


def test_a_hook_can_be_switched_off(toy_config):
    assert 'panel' not in load_config(toy_config, ['default_hooks.panel=None']).default_hooks

"""What makes two runs the same: the table, key by key, and what resuming, studies and bands say."""

import pytest

from icpc import load_config
from icpc.errors import UserError
from icpc.run_dir.config_difference import changes
from icpc.run_dir.continuation import check_continues
from icpc.run_dir.same_run import (
    FREE_AND_SEED,
    Part,
    differences,
    part_of,
    run_fingerprint,
    settings,
)

RECIPE, SEED, LENGTH, PLACE, SHARE, WATCHES = Part
PRINTS = {'code': 'c', 'data': {'train': 'd', 'val': 'e'}, 'weights': 'w'}
UNKNOWN = {'code': 'c', 'data': {'train': None, 'val': None}, 'weights': None}
PROFILER = {'type': 'mmengine.ProfilerHook', 'on_trace_ready': {'type': 'tb_trace'}}


def config():
    loader = {
        'num_workers': 1,
        'batch_size': 2,
        'dataset': {'type': 'D', 'data_root': 'a', 'indices': None},
    }
    return {
        **{'seed': 0, 'randomness': {'seed': 0, 'deterministic': False}, 'max_iters': 8},
        **{'lr': 0.1, 'global_batch': 4, 'gpu_batch': 2, 'data_root': 'a', 'work_dir': 'w'},
        **{'num_workers': 1, 'eval_batch': 1, 'log_interval': 1, 'val_interval': 4, 'ema': None},
        **{'load_from': None, 'resume': False, 'tracker': None, 'parallel': 'ddp'},
        **{'compile': False, 'activation_checkpointing': False, 'classes': None},
        'model': {
            'clip': {'model': 'clips/a', 'pretrained': 'auto'},
            'norm_cfg': {'type': 'SyncBN'},
            'test_cfg': {'mode': 'whole', 'memory_budget': 1},
        },
        'train_dataloader': loader,
        'val_dataloader': loader,
        'optim_wrapper': {'optimizer': {'lr': 0.1}, 'accumulative_counts': 1},
        'param_scheduler': [{'type': 'LinearLR', 'end': 2}, {'type': 'PolyLR', 'end': 8}],
        'train_cfg': {'max_iters': 8, 'val_interval': 4, 'accumulation': 1},
        'default_hooks': {
            'logger': {'type': 'LoggerHook', 'interval': 1},
            'panel': {'type': 'PanelHook'},
            'metrics': {'type': 'MetricsFileHook', 'interval': 1},
            'ema': {'type': 'WeightAverageHook', 'decay': None},
            'switches': {'activation_checkpointing': False, 'compile': False},
        },
    }


def changed(path, value):
    tree = node = load(config())
    *parents, name = path.split('.')
    for key in parents:
        key = int(key) if isinstance(node, list) else key
        node = node[key] if isinstance(node, list) else node.setdefault(key, {})
    node[name] = value
    return tree


def test_places_of_data_with_a_fingerprint_do_not_count():
    def run(root, known=PRINTS):
        tree = load(config())
        dataset = tree['train_dataloader']['dataset'] = dict(tree['train_dataloader']['dataset'])
        dataset |= {'tags': f'{root}/tags.json', 'data_prefix': {'seg_map_path': f'{root}/masks'}}
        tree |= {'tags': f'{root}/tags.json', 'choices': f'{root}/choices.json'}
        tree['model']['choices'] = f'{root}/choices.json'
        return settings(tree, known)

    assert not differences(run('/a'), run('/b'))
    assert differences(run('a'), run('b'))  # what the data set adds to its root
    assert differences(run('/a', UNKNOWN), run('/b', UNKNOWN))


def load(value):
    """A deep copy: the loaders above share their parts."""
    if isinstance(value, dict):
        return {key: load(item) for key, item in value.items()}
    return [load(item) for item in value] if isinstance(value, list) else value


def allowed_on_resume(now, prints=PRINTS):
    record = {'fingerprints': prints}
    try:
        check_continues('run', record, config(), record, now)
    except UserError:
        return False
    return True


@pytest.mark.parametrize(
    ('path', 'value', 'part'),
    [
        ('lr', 1, RECIPE),
        ('load_from_partial', True, RECIPE),
        ('optim_wrapper.optimizer.lr', 1, RECIPE),
        ('global_batch', 8, RECIPE),
        ('randomness.deterministic', True, RECIPE),
        ('compile', True, RECIPE),
        ('default_hooks.switches.compile', True, RECIPE),
        ('ema', 0.9, RECIPE),
        ('default_hooks.ema.decay', 0.9, RECIPE),
        ('classes', ['a'], RECIPE),
        ('train_dataloader.dataset.indices', 5, RECIPE),
        ('param_scheduler.1.type', 'CosineAnnealingLR', RECIPE),
        ('model.test_cfg.mode', 'slide', RECIPE),
        ('model.clip.pretrained', 'openai', RECIPE),
        ('custom_hooks', [{'type': 'EarlyStoppingHook', 'monitor': 'mIoU'}], RECIPE),
        ('custom_hooks', [{'type': 'MyHook'}, PROFILER], RECIPE),
        ('seed', 1, SEED),
        ('randomness.seed', 1, SEED),
        ('max_iters', 9, LENGTH),
        ('warmup_iters', 1, LENGTH),
        ('param_scheduler.1.end', 9, LENGTH),
        ('train_cfg.max_iters', 9, LENGTH),
        ('work_dir', 'x', PLACE),
        ('load_from', 'x', PLACE),
        ('resume', True, PLACE),
        ('data_root', 'x', PLACE),
        ('val_dataloader.dataset.data_root', 'x', PLACE),
        ('model.clip.model', 'clips/b', PLACE),
        ('launcher', 'pytorch', SHARE),
        ('model_wrapper_cfg.type', 'FullySharded', SHARE),
        ('custom_hooks', [{'type': 'WholeInEvaluationHook'}], SHARE),
        ('parallel', 'fsdp2', SHARE),
        ('find_unused_parameters', True, SHARE),
        ('gpu_batch', 1, SHARE),
        ('train_dataloader.batch_size', 1, SHARE),
        ('train_cfg.accumulation', 2, SHARE),
        ('optim_wrapper.accumulative_counts', 2, SHARE),
        ('eval_batch', 2, SHARE),
        ('val_dataloader.batch_size', 1, SHARE),
        ('num_workers', 2, SHARE),
        ('train_dataloader.num_workers', 2, SHARE),
        ('train_dataloader.prefetch_factor', 2, SHARE),
        ('activation_checkpointing', True, SHARE),
        ('default_hooks.switches.activation_checkpointing', True, SHARE),
        ('model.test_cfg.memory_budget', 2, SHARE),
        ('model.norm_cfg.type', 'BN', SHARE),
        ('log_interval', 2, WATCHES),
        ('val_interval', 2, WATCHES),
        ('train_cfg.val_interval', 2, WATCHES),
        ('tracker', 'wandb', WATCHES),
        ('visualizer.vis_backends', [], WATCHES),
        ('default_hooks.logger.interval', 2, WATCHES),
        ('default_hooks.panel', None, WATCHES),
        ('default_hooks.checkpoint.interval', 2, WATCHES),
        ('default_hooks.metrics.tracker', 'wandb', WATCHES),
        ('custom_hooks', [PROFILER], WATCHES),
        ('custom_hooks', [PROFILER, PROFILER, {'type': 'SegVisualizationHook'}], WATCHES),
    ],
)
def test_every_key_has_one_answer_for_resuming_studies_and_bands(path, value, part):
    now = changed(path, value)
    free = part in (PLACE, SHARE, WATCHES)
    first, second = settings(config(), PRINTS), settings(now, PRINTS)
    # A variable has no effect itself; what reads it counts.
    same = free or path in ('lr', 'ema', 'seed', 'max_iters', 'warmup_iters')
    assert (run_fingerprint(config(), PRINTS) == run_fingerprint(now, PRINTS)) is same
    same_but_seed = free or part is SEED or path == 'warmup_iters'
    assert (differences(first, second, FREE_AND_SEED) == []) is same_but_seed
    longer = path == 'train_cfg.max_iters'
    assert allowed_on_resume(now) is (free or longer or path == 'warmup_iters')


def test_a_longer_run_may_have_the_schedules_of_its_length():
    now = changed('train_cfg.max_iters', 16)
    now['param_scheduler'][1]['end'] = now['max_iters'] = 16
    assert allowed_on_resume(now)
    assert not allowed_on_resume({**now, 'train_cfg': {**now['train_cfg'], 'max_iters': 4}})


@pytest.mark.parametrize(
    ('path', 'value'),
    [('train_dataloader.dataset.data_root', 'x'), ('model.clip.model', 'b/c'), ('gpu_batch', 1)],
)
def test_places_without_fingerprints_count(path, value):
    now = changed(path, value)
    assert allowed_on_resume(now, UNKNOWN) is (path == 'gpu_batch')
    same = run_fingerprint(now, UNKNOWN) == run_fingerprint(config(), UNKNOWN)
    assert same is (path == 'gpu_batch')


def test_another_architecture_counts_though_its_weights_are_the_same_file():
    names = [changed('model.clip.model', name) for name in ('ViT-B-32', 'ViT-B-32-quickgelu')]
    assert len({run_fingerprint(tree, PRINTS) for tree in names}) == 2


def test_files_count_by_their_fingerprints():
    prints = [PRINTS, {**PRINTS, 'weights': 'v'}, {**PRINTS, 'data': {'train': 'x', 'val': 'e'}}]
    assert len({run_fingerprint(config(), each) for each in prints}) == 3


def test_without_a_global_batch_the_batch_of_a_rank_counts():
    first, second = ({'train_dataloader': {'batch_size': size}} for size in (1, 2))
    assert differences(settings(first), settings(second)) == [('train_dataloader.batch_size', 1, 2)]


def test_validations_count_where_they_end_the_training():
    hooks = {'custom_hooks': [{'type': 'EarlyStoppingHook'}]}
    trees = [{**hooks, 'train_cfg': {'val_interval': interval}} for interval in (1, 2)]
    found = differences(*map(settings, trees))
    assert found == [('custom_hooks.EarlyStoppingHook.val_interval', 1, 2)]


def test_a_variable_that_lost_its_reader_is_no_other_recipe():
    before = {'train_cfg': {'max_iters': 8}, 'lr': 1, 'norm_cfg': {'type': 'GN'}, 'model': {'a': 1}}
    now = {'train_cfg': {'max_iters': 8}, 'lr': 1, 'model': {'a': 1}}
    assert differences(before, now) == differences(now, before) == []
    assert differences(before, {**now, 'lr': 2}) == [('lr', 1, 2)]
    assert differences(before, {**now, 'model': {}}) == [('model.a', 1, None)]


def test_the_hash_is_free_of_place_and_ranks(toy_config, monkeypatch):
    def fingerprint(work_dir='a', **overrides):
        return run_fingerprint(load_config(toy_config, overrides, work_dir).to_dict())

    first = fingerprint()
    assert fingerprint('b') == first
    assert (
        fingerprint(**{'default_hooks.metrics.interval': 3, 'default_hooks.panel': None}) == first
    )
    assert fingerprint(lr=1e-2) != first
    assert fingerprint(seed=1) != first
    assert fingerprint(max_iters=9) != first
    assert fingerprint(gpu_batch=1) == first  # accumulates 4
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert fingerprint() == fingerprint(gpu_batch=1) == first
    assert fingerprint(global_batch=8) != first


def test_changes_are_told_leaf_by_leaf():
    first = {'a': {'b': 1, 'c': [1, 2]}, 'l': [{'x': 1}, {'x': 2}], 'n': None, 'e': {}, 'd': {}}
    second = {'a': {'b': None, 'c': [1, 3]}, 'l': [{'x': 1}, {'x': 3}], 'd': {'f': 4}}
    assert list(changes(first, second)) == [
        ('a.b', 1, None),
        ('a.c', [1, 2], [1, 3]),
        ('l.1.x', 2, 3),
        ('e', {}, None),
        ('d.f', None, 4),
    ]
    assert list(changes([{'x': 1}], [{'x': 1}, {'x': 2}], 'l')) == [
        ('l', [{'x': 1}], [{'x': 1}, {'x': 2}])
    ]


def test_every_part_stands_in_the_table():
    keys = ('lr', 'seed', 'max_iters', 'work_dir', 'gpu_batch', 'log_interval')
    assert [part_of(key) for key in keys] == list(Part)

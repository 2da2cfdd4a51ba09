"""Each switch of training does what it says, in whole runs of the toy model."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from toy_parts import SEPARATE

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.errors import UserError
from icpc.training.speed import ModelSwitchesHook
from icpc.training.weight_average import WeightAverageHook

QUICK = {
    'default_hooks.panel': None,
    'train_pipeline': '${test_pipeline}',
    'max_iters': 6,
    'val_interval': 3,
    'lr': 0.02,
    'param_scheduler': None,
    **SEPARATE,
}


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


def run(config, work_dir, resume=False, amp=None, **options):
    metrics = train(str(config), {**QUICK, **options}, str(work_dir), resume=resume, amp=amp)
    return metrics, load_checkpoint(work_dir / 'iter_6.pth')


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ({'ema': 1.5}, 'ema must be None or a decay between 0 and 1'),
        ({'ema': True}, 'ema must be'),
        ({'clip_grad': 1.0}, 'clip_grad must be None, dict'),
        ({'clip_grad': {'type': 'nrom', 'max_norm': 1.0}}, 'clip_grad must be'),
        ({'clip_grad': {'max_norm': 0}}, 'clip_grad.max_norm must be a number above 0'),
        ({'clip_grad': {'clip_value': 1.0}}, 'clip_grad.clip_value: no such argument'),
        ({'activation_checkpointing': 'yes'}, 'must be True or False'),
        ({'compile': 'fast'}, 'compile must be True, False, one of the modes default'),
        ({'compile': {'modus': 'default'}}, 'compile must be'),
        ({'parallel': 'fsdp'}, "parallel must be 'ddp' or 'fsdp2'"),
        ({'parallel': 'fsdp2', 'compile': True}, 'do not go together'),
        ({'activation_checkpointing': True, 'compile': True}, 'do not go together'),
    ],
    ids=str,
)
def test_a_senseless_value_stops_before_training(toy_config, option, message):
    with pytest.raises(UserError, match=message):
        load_config(toy_config, option)


def test_what_a_run_lacks_is_said_before_training(toy_config, tmp_path, monkeypatch):
    with pytest.raises(UserError, match='torchrun --nproc_per_node'):
        run(toy_config, tmp_path, parallel='fsdp2')
    with pytest.raises(UserError, match='no part of this model can recompute'):
        run(toy_config, tmp_path, activation_checkpointing=True)
    monkeypatch.setenv('PATH', '')
    with pytest.raises(UserError, match=r'needs a C\+\+ compiler'):
        load_config(toy_config, {'compile': True})
    options = {'parallel': 'fsdp2', 'optim_wrapper.type': 'AutocastOptimWrapper'}
    with pytest.raises(UserError, match='take --amp bf16'):
        load_config(toy_config, {**options, 'optim_wrapper.dtype': 'fp16'})


def test_ema_is_the_average_of_the_steps(toy_config, tmp_path):
    every = {'default_hooks.checkpoint.interval': 1, 'default_hooks.checkpoint.keep': 9}
    plain, _ = run(toy_config, tmp_path / 'plain', **every)
    metrics, last = run(toy_config, tmp_path / 'ema', ema=0.5, **every)
    weights = [load_checkpoint(tmp_path / f'plain/iter_{n}.pth')['state_dict'] for n in range(1, 7)]
    trained = set(last['ema_state_dict'])
    assert {'backbone.conv1.weight', 'decode_head.conv_seg.bias'} <= trained
    for key in trained:
        expected = weights[0][key]
        for state in weights[1:]:
            expected = 0.5 * expected + 0.5 * state[key]
        torch.testing.assert_close(last['state_dict'][key], expected)
        assert torch.equal(last['ema_state_dict'][key], weights[-1][key])
    assert metrics != plain


def test_ema_is_what_is_tested_and_survives_resuming(toy_config, tmp_path):
    metrics, whole = run(toy_config, tmp_path / 'whole', ema=0.9, gpu_batch=2)
    path = str(tmp_path / 'whole/iter_6.pth')
    for average in (0.9, None):
        options = {**QUICK, 'ema': average}
        assert evaluate(str(toy_config), path, options, str(tmp_path / 'test')) == metrics
    (tmp_path / 'whole/last_checkpoint').write_text('iter_3.pth')
    (tmp_path / 'whole/iter_6.pth').unlink()
    again, resumed = run(toy_config, tmp_path / 'whole', resume=True, ema=0.9, gpu_batch=2)
    assert again == metrics
    for part in ('state_dict', 'ema_state_dict'):
        assert whole[part].keys() == resumed[part].keys()
        for key, value in whole[part].items():
            assert torch.equal(value, resumed[part][key]), key


def test_frozen_weights_have_no_average():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].requires_grad_(False)
    hook, runner = WeightAverageHook(0.5), SimpleNamespace(model=model)
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    assert set(hook._average) == {'1.weight', '1.bias'}


@pytest.mark.parametrize('amp', [None, 'fp16'])
def test_gradients_are_clipped_once_a_step(toy_config, tmp_path, amp):
    """With SGD of rate 1 and a tiny limit, a step moves the weights by exactly the limit."""
    limit = 1e-3
    sgd = {
        'optim_wrapper.optimizer.type': 'SGD',
        'lr': 1.0,
        'weight_decay': 0.0,
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 1.0,
        'default_hooks.checkpoint.interval': 1,
        'clip_grad.max_norm': limit,
        'gpu_batch': 2,
    }
    _, last = run(toy_config, tmp_path, amp=amp, **sgd)
    before = load_checkpoint(tmp_path / 'iter_5.pth')['state_dict']
    moved = [(last['state_dict'][k] - v).double().square().sum() for k, v in before.items()]
    assert torch.stack(moved).sum().sqrt().item() == pytest.approx(limit, rel=1e-3)


def test_compiled_parts_train_as_eager_ones(toy_config, tmp_path):
    _, eager = run(toy_config, tmp_path / 'eager')
    graphs = torch._dynamo.utils.counters['stats']
    before = graphs['unique_graphs']
    _, compiled = run(toy_config, tmp_path / 'compiled', compile={'backend': 'aot_eager'})
    assert graphs['unique_graphs'] - before >= 1  # the backbone; mmseg's own model has no neck
    assert eager['state_dict'].keys() == compiled['state_dict'].keys()
    for key, value in eager['state_dict'].items():
        torch.testing.assert_close(compiled['state_dict'][key], value, atol=1e-6, rtol=1e-5)


@pytest.mark.skipif(shutil.which('g++') is None, reason='inductor compiles with g++')
def test_compiled_code_gives_the_same_gradients_under_the_same_names():
    model = torch.nn.Module()
    model.backbone = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.LayerNorm(4))
    inputs, keys = torch.randn(2, 4, requires_grad=True), list(model.state_dict())
    gradients = []
    for hook in (ModelSwitchesHook(), ModelSwitchesHook(compile=True)):
        hook.before_train(SimpleNamespace(model=model))
        (gradient,) = torch.autograd.grad(model.backbone(inputs)[0, 0].exp(), inputs)
        gradients.append(gradient)
    assert list(model.state_dict()) == keys
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-6)
    made = torch._dynamo.utils.counters['inductor']
    assert made['fxgraph_cache_miss'] + made['fxgraph_cache_hit'] >= 1

import pytest
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from icpc.errors import UserError
from icpc.training.optim import AutocastOptimWrapper


def model():
    torch.manual_seed(0)
    parts = dict(
        backbone=nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)),
        backbone_probe=nn.Linear(2, 2),
        text=nn.Linear(2, 2).requires_grad_(False),
        ln_final=nn.LayerNorm(2),
    )
    return nn.ModuleDict(parts)


def groups(paramwise_cfg, network):
    cfg = dict(
        type='OptimWrapper',
        constructor='GroupedOptimConstructor',
        optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1),
        paramwise_cfg=paramwise_cfg,
    )
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in build_optim_wrapper(network, cfg).optimizer.param_groups
        for parameter in group['params']
    }


def test_rates_by_part_and_decay_by_module_type(capsys):
    recipe = dict(custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0)
    assert groups(recipe, model()) == {
        'backbone.0.weight': (0.1, 0.1),
        'backbone.0.bias': (0.1, 0.1),
        'backbone.1.weight': (0.1, 0.0),
        'backbone.1.bias': (0.1, 0.0),
        'backbone_probe.weight': (1.0, 0.1),
        'backbone_probe.bias': (1.0, 0.1),
        'ln_final.weight': (1.0, 0.0),
        'ln_final.bias': (1.0, 0.0),
    }
    assert capsys.readouterr() == ('', '')


def test_the_longest_part_counts():
    keys = {'backbone': dict(lr_mult=0.1), 'backbone.0': dict(lr_mult=0.5, decay_mult=0.0)}
    rates = groups(dict(custom_keys=keys), model())
    assert rates['backbone.0.bias'] == (0.5, 0.0)
    assert rates['backbone.1.bias'] == (0.1, 0.1)


def test_a_shared_parameter_is_taken_once():
    network = nn.ModuleDict(dict(a=nn.Linear(2, 2), b=nn.Linear(2, 2)))
    network['b'].weight = network['a'].weight
    assert set(groups({}, network)) == {'a.weight', 'a.bias', 'b.bias'}


def test_a_part_that_matches_nothing_is_refused():
    with pytest.raises(UserError, match='did you mean backbone'):
        groups(dict(custom_keys=dict(backbon=dict(lr_mult=0.1))), model())
    with pytest.raises(UserError, match='unknown bias_lr_mult'):
        groups(dict(bias_lr_mult=1), model())


def steps(wrapper_cls, dtype=None, clip=None):
    torch.manual_seed(0)
    network = nn.Linear(4, 1)
    options = {} if dtype is None else dict(dtype=dtype)
    wrapper = wrapper_cls(
        optimizer=torch.optim.SGD(network.parameters(), 0.1), clip_grad=clip, **options
    )
    inputs = torch.randn(32, 4)
    kind = None
    for _ in range(60):
        with wrapper.optim_context(network):
            output = network(inputs)
            kind = output.dtype
        wrapper.update_params((output.float() - inputs.sum(1, keepdim=True)).square().mean())
    return network.weight.detach(), kind, wrapper


@pytest.mark.parametrize(('dtype', 'kind'), [('bf16', torch.bfloat16), ('fp16', torch.float16)])
def test_autocast_finds_the_weights_that_float32_finds(dtype, kind):
    exact, full, _ = steps(OptimWrapper, clip=dict(max_norm=5.0))
    close, half, _ = steps(AutocastOptimWrapper, dtype, clip=dict(max_norm=5.0))
    assert (full, half) == (torch.float32, kind)
    torch.testing.assert_close(exact, torch.ones(1, 4), atol=1e-2, rtol=0)
    torch.testing.assert_close(close, exact, atol=1e-2, rtol=0)


def test_the_scale_of_the_loss_is_kept():
    _, _, first = steps(AutocastOptimWrapper, 'fp16')
    _, _, second = steps(AutocastOptimWrapper, 'fp16')
    first.scaler.update(8.0)
    second.load_state_dict(first.state_dict())
    assert second.scaler.get_scale() == 8.0


def test_an_unknown_dtype_is_refused():
    with pytest.raises(UserError, match='bf16, fp16'):
        AutocastOptimWrapper(dtype='int8')

"""Weights fit exactly, or what does not is named; classes are those of the training."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from icpc.checkpoints.content import load_checkpoint
from icpc.checkpoints.fitting import load_weights
from icpc.errors import UserError


def model_of(*names: str) -> nn.Module:
    model = nn.Linear(2, len(names) or 3)
    model.class_names = list(names)
    return model


def saved(model: nn.Module, **rename: str) -> dict:
    state = {rename.get(key, key): value for key, value in model.state_dict().items()}
    return {'state_dict': state, 'meta': {'classes': model.class_names}}


def test_weights_must_fit_exactly():
    model = nn.Linear(2, 3)
    state = model.state_dict()
    state['wieght'] = state.pop('weight')
    state['bias'] = torch.zeros(4)
    with pytest.raises(UserError) as error:
        load_weights(model, {'state_dict': state}, 'file.pth')
    text = str(error.value)
    assert '1 missing: weight' in text
    assert '1 not in the model: wieght' in text
    assert 'bias (4,) in the file, (3,) in the model' in text


@pytest.mark.parametrize('kind', ['pth', 'safetensors'])
@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (('sky', 'bed', 'tree'), None),
        (('sky', 'cot', 'tree'), "other class names: 'bed' there is 'cot' here"),
        (('sky', 'tree', 'bed'), "another order: 'bed' there is 'tree' here"),
    ],
)
def test_the_classes_are_those_of_the_training(tmp_path, kind, names, message):
    model, path = model_of('sky', 'bed ', 'tree'), tmp_path / f'a.{kind}'
    if kind == 'pth':
        torch.save(saved(model), path)
    else:
        save_file(model.state_dict(), path, {'classes': '["sky", "bed ", "tree"]'})
    loaded, other = load_checkpoint(path), model_of(*names)
    if message is None:
        load_weights(other, loaded, path)
        assert torch.equal(other.weight, model.weight)
        return
    before = other.weight.clone()
    with pytest.raises(UserError, match=message):
        load_weights(other, loaded, path)
    assert torch.equal(other.weight, before)


def two_layers(names: str) -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, len(names)))
    model.class_names = list(names)
    return model


def test_fine_tuning_keeps_what_fits_and_lists_the_rest(capsys):
    model, other = two_layers('abc'), two_layers('abcde')
    start = other[1].weight.clone()
    with pytest.raises(UserError, match='3 there, 5 here.*load_from_partial=True takes what fits'):
        load_weights(other, saved(model), 'a.pth', fine_tunes=True)
    load_weights(other, saved(model), 'a.pth', fine_tunes=True, partial=True)
    assert torch.equal(other[0].weight, model[0].weight)
    assert torch.equal(other[1].weight, start)
    said = capsys.readouterr().out
    assert 'a.pth: 2 of 4 tensors of the model are taken' in said
    assert 'not taken, shape (3, 2) in the file, (5, 2) in the model: 1.weight' in said
    other.class_names = list('abc')  # the same classes: nothing may be left out unless told
    with pytest.raises(UserError, match='other shape: 1.bias.*load_from_partial=True'):
        load_weights(other, saved(model), 'a.pth', fine_tunes=True)
    with pytest.raises(UserError, match='another order.*load_from_partial=True'):
        load_weights(two_layers('bac'), saved(model), 'a.pth', fine_tunes=True)
    with pytest.raises(UserError) as error:  # a test takes nothing in part
        load_weights(two_layers('bac'), saved(model), 'a.pth')
    assert 'partial' not in str(error.value)
    with pytest.raises(UserError, match='nothing of it fits the model'):
        load_weights(nn.Conv2d(1, 1, 1), saved(model), 'a.pth', fine_tunes=True, partial=True)


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'module._orig_mod.'])
def test_names_of_wrappers_are_taken_off_and_said(prefix, capsys):
    model, other = model_of('a', 'b'), model_of('a', 'b')
    load_weights(other, saved(model, weight=f'{prefix}weight', bias=f'{prefix}bias'), 'a.pth')
    assert torch.equal(other.weight, model.weight)
    assert f'2 names such as {prefix}bias are read as bias' in capsys.readouterr().out


def test_a_compiled_part_and_a_part_that_is_called_module():
    model = nn.ModuleDict({'module': nn.ModuleDict({'head': nn.Linear(2, 2)})})
    load_weights(model, {'state_dict': model.state_dict()}, 'a.pth')
    state = {'module.head._orig_mod.weight': torch.ones(2, 2), 'module.head.bias': torch.ones(2)}
    load_weights(model, {'state_dict': state}, 'a.pth')
    assert torch.equal(model['module']['head'].weight, torch.ones(2, 2))

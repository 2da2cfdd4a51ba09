"""DenseCLIP's recorded outputs, to the last digit."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from tool_calls import call_tool

from icpc.clip.denseclip import load_denseclip, our_name
from icpc.errors import UserError
from icpc.references import published_model, published_values

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'data' / 'golden'
FILES = ['denseclip_rn.npz', 'denseclip_vit.npz']
KNOWN = {
    'denseclip_rn.npz': published_model.Unrecorded(32, 2, 4),
    'denseclip_vit.npz': published_model.Unrecorded(4, 2, 4),
}


@pytest.mark.parametrize('name', FILES)
def test_every_recorded_tensor_is_reproduced(name):
    chosen, errors = published_values.check(published_values.read_reference(GOLDEN / name))
    assert len(errors) == 11
    assert max(errors.values()) < 5e-6
    assert replace(chosen, taps=None) == KNOWN[name]


def _model(file: published_values.Reference, name: str) -> torch.nn.Module:
    return published_model.build_published_model(
        file.state, file.token_rows, file.class_names, KNOWN[name]
    )


@pytest.mark.parametrize('name', FILES)
def test_a_weight_that_is_off_shows(name):
    file = published_values.read_reference(GOLDEN / name)
    file.state['gamma'][3] += 1e-2
    errors = published_values.check(file, vars(KNOWN[name]))[1]
    assert errors['text_static'] < 5e-6
    assert errors['text_refined'] > 1e-4


@pytest.mark.parametrize('name', FILES)
def test_loading_is_strict_both_ways(name):
    file = published_values.read_reference(GOLDEN / name)
    model = _model(file, name)
    state = dict(file.state)
    state['text_encoder.token_embedding.weight'] = torch.zeros(49408, 16)
    load_denseclip(model, state)
    with pytest.raises(ValueError, match='1 missing .prompter.refiner.gamma'):
        load_denseclip(model, {k: v for k, v in state.items() if k != 'gamma'})
    with pytest.raises(ValueError, match='1 unexpected .neck.fpn.extra'):
        load_denseclip(model, state | {'neck.extra': torch.zeros(1)})
    with pytest.raises(ValueError, match="'auxiliary.conv' is no weight"):
        load_denseclip(model, state | {'auxiliary.conv': torch.zeros(1)})
    with pytest.raises(ValueError, match=r'refiner.gamma \(3,\) instead of'):
        load_denseclip(model, state | {'gamma': torch.zeros(3)})


def test_the_doubled_class_embedding_is_an_option_of_its_own():
    file = published_values.read_reference(GOLDEN / FILES[1])
    model = _model(file, FILES[1])
    assert model.backbone.double_class_embedding
    model.backbone.double_class_embedding = False
    with torch.no_grad():
        pooled = model.backbone(file.images).pooled
    assert published_values.max_error(pooled, file.outputs['pooled']) > 1e-2


@pytest.mark.parametrize('name', ['rn', 'vit'])
def test_other_sizes_heads_and_taps(tmp_path, name):
    """A file of the same format, written by our own model, with everything else another size."""
    config = published_model.model_config(
        published_values.read_reference(GOLDEN / f'denseclip_{name}.npz').state
        | {'text_encoder.token_embedding.weight': torch.zeros(49408, 16)},
        ['door', 'river', 'palm tree', 'sea', 'television receiver'],
        published_model.Unrecorded(16 if name == 'rn' else 3, 3, 2),
    )
    vision = config['clip']['model']['vision_cfg']
    if name == 'rn':
        vision.update(layers=[1, 2, 1, 1], width=16, head_width=32, image_size=96)
    else:
        vision.update(layers=6, width=48, head_width=16, patch_size=16, image_size=80)
        config['backbone'] = dict(taps=(1, 2, 4, 5), double_class_embedding=True)
    config['clip']['model'] |= dict(embed_dim=24)
    config['clip']['model']['text_cfg'].update(width=24, heads=3, layers=3, context_length=15)
    config['prompter'].update(num_contexts=10, width=40, heads=2, layers=1, gamma=0.5)
    torch.manual_seed(3)
    model = MODELS.build(config).eval()
    for parameter in model.prompter.refiner.parameters():
        parameter.data *= 8  # with small weights attention is uniform, and heads make no difference
    path = tmp_path / 'other.npz'
    _write(path, model, torch.randn(1, 3, 96, 80))
    chosen, errors = published_values.check(published_values.read_reference(path))
    assert max(errors.values()) < 2e-5, errors
    assert (chosen.text_heads, chosen.decoder_heads) == (3, 2)
    assert chosen.taps in (None, (1, 2, 4, 5))


def test_names_are_tokenized_as_they_stand():
    """DenseCLIP leaves underscores in; ours are spaces everywhere else."""
    file = published_values.read_reference(GOLDEN / FILES[0])
    names = ['traffic_light', *file.class_names[1:]]
    model = published_model.build_published_model(
        file.state, file.token_rows, names, KNOWN[FILES[0]]
    )
    assert len(model.prompter.pre.names.tokens[0]) == 3  # traffic, _, light


def _write(path: Path, model: torch.nn.Module, images: torch.Tensor) -> None:
    published = {}
    for ours, value in model.state_dict().items():
        name = ours.replace(
            'prompter.pre.text_encoder.blocks', 'text_encoder.transformer.resblocks'
        )
        name = name.replace('prompter.pre.', '').replace(
            'prompter.refiner.decoder', 'context_decoder'
        )
        name = name.replace('prompter.refiner.', '').replace('neck.fpn.', 'neck.')
        name = name.replace('backbone.visual.', 'backbone.')
        name = re.sub(r'backbone\.resample\.(\d)', lambda m: f'backbone.fpn{int(m[1]) + 1}', name)
        assert our_name(name) == ours
        published[f'state/{name}'] = value.numpy()
    table = published.pop('state/text_encoder.token_embedding.weight')
    outputs = published_values.compute_outputs(model, images, 6)
    ids = np.unique(outputs['token_ids'].numpy())
    np.savez(
        path,
        input=images.numpy(),
        class_names=np.array(model.class_names),
        **{'token_rows/ids': ids, 'token_rows/values': table[ids]},
        **published,
        **{key: value.numpy() for key, value in outputs.items()},
    )


def test_a_file_without_outputs_is_refused(tmp_path):
    np.savez(tmp_path / 'other.npz', input=np.zeros(3))
    with pytest.raises(UserError, match='stage0'):
        published_values.read_reference(tmp_path / 'other.npz')


def test_tool_prints_the_largest_error_last():
    done = call_tool(ROOT / 'tools/check_reference.py', str(GOLDEN / FILES[0]))
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert float(re.fullmatch(r'max abs error: (\S+)', last)[1]) < 2e-5

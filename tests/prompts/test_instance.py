"""ICPC's prompts: they start as static ones, and then follow the picture."""

import pytest
import torch
from mmseg.registry import MODELS

from icpc.clip import TextEncoder, load_clip
from icpc.prompts import InstancePrompter, StaticPrompter
from icpc.structures import CLIPFeatures

NAMES = ['wall', 'traffic light', 'swimming pool ladder', 'sea']
DESIGNS = {
    'add': dict(mode='add'),
    'add per token': dict(mode='add', per_token=True),
    'add hidden': dict(mode='add', hidden=5),
    'concat': dict(mode='concat', num_instance=3),
    'attend': dict(mode='attend', heads=2),
    'attend hidden': dict(mode='attend', hidden=24, heads=3),
}
designs = pytest.mark.parametrize('options', DESIGNS.values(), ids=DESIGNS)


@pytest.fixture
def text_encoder(tiny_resnet_cfg: dict) -> TextEncoder:
    torch.manual_seed(0)
    tiny_resnet_cfg['text_cfg']['width'] = 48  # not the joint space's 32
    return TextEncoder(load_clip(tiny_resnet_cfg))


def random_features(batch: int = 2) -> CLIPFeatures:
    return CLIPFeatures((), torch.randn(batch, 32, 2, 3), torch.randn(batch, 32))


def build(text_encoder: TextEncoder, options: dict, moved: bool = False) -> InstancePrompter:
    """A prompter of four random contexts; ``moved``: its generator's zeros are overwritten."""
    given = dict(text_encoder=text_encoder, class_names=NAMES, init=None, num_contexts=4)
    prompter = MODELS.build(dict(type='InstancePrompter', **options), default_args=given)
    if moved:
        torch.manual_seed(1)
        for parameter in prompter.generator.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return prompter


@designs
def test_the_first_step_equals_a_static_prompt(text_encoder: TextEncoder, options: dict) -> None:
    prompter, features = build(text_encoder, options), random_features()
    concat = prompter.mode == 'concat'
    parts = [prompter.contexts] + ([prompter.instance_contexts] if concat else [])
    contexts = torch.cat(parts)  # (N, W) or (N + M, W)
    assert contexts.shape == (7 if concat else 4, 48)
    assert torch.equal(prompter.contexts_of(features), contexts.expand(2, -1, -1))
    static = StaticPrompter(text_encoder, NAMES, num_contexts=len(contexts), init=None)
    static.contexts.data.copy_(contexts)
    text = prompter(features)
    assert text.shape == (2, 4, 32)
    torch.testing.assert_close(text, static(features).expand(2, -1, -1), rtol=0, atol=1e-5)


@designs
def test_gradient_reaches_the_generator_from_the_first_step(
    text_encoder: TextEncoder, options: dict
) -> None:
    prompter = build(text_encoder, options)
    optimiser = torch.optim.SGD(prompter.parameters(), lr=0.1)
    target = torch.randn(2, 4, 32)
    for step in range(2):
        features = random_features()
        optimiser.zero_grad()
        (prompter(features) * target).sum().backward()
        grads = {name: p.grad for name, p in prompter.named_parameters() if p.requires_grad}
        last = [name for name in grads if name.startswith('generator')][-2:]
        assert all(grads[name].abs().max() > 0 for name in ['contexts', *last])
        if step == 1:  # behind a last layer of zeros nothing else can move
            assert [n for n, g in grads.items() if not g.abs().max() > 0] == []
        optimiser.step()
    assert (prompter(random_features(1)) - prompter(random_features(1))).abs().max() > 1e-6


@designs
def test_only_contexts_and_generator_learn(text_encoder: TextEncoder, options: dict) -> None:
    prompter = build(text_encoder, options)
    learned = {name.split('.')[0] for name, p in prompter.named_parameters() if p.requires_grad}
    concat = {'instance_contexts'} if options['mode'] == 'concat' else set()
    assert learned == {'contexts', 'generator'} | concat


@designs
def test_a_constant_condition_does_not_see_the_picture(
    text_encoder: TextEncoder, options: dict
) -> None:
    first, second = random_features(), random_features()
    image = build(text_encoder, options, moved=True)
    constant = build(text_encoder, options | dict(condition='constant'), moved=True)
    assert torch.equal(constant(first), constant(second))
    assert (image(first) - image(second)).abs().max() > 1e-3
    shapes = [{n: p.shape for n, p in m.named_parameters()} for m in (image, constant)]
    assert shapes[0] == shapes[1]


def test_add_is_cocoops_formula(text_encoder: TextEncoder) -> None:
    prompter, features = build(text_encoder, dict(mode='add'), moved=True), random_features()
    first, _, last = prompter.generator.layers
    assert (first.in_features, first.out_features, last.out_features) == (32, 2, 48)
    pooled = features.pooled / features.pooled.norm(dim=1, keepdim=True)
    bias = (pooled @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias
    expected = prompter.contexts[None] + bias[:, None]
    torch.testing.assert_close(prompter.contexts_of(features), expected)


def test_per_token_adds_a_vector_of_its_own_to_each_token(text_encoder: TextEncoder) -> None:
    options = dict(mode='add', per_token=True)
    prompter = build(text_encoder, options, moved=True)
    added = prompter.contexts_of(random_features()) - prompter.contexts
    assert (added[:, 0] - added[:, 1]).abs().max() > 1e-3


def test_concat_leaves_the_shared_contexts_alone(text_encoder: TextEncoder) -> None:
    prompter = build(text_encoder, dict(mode='concat', num_instance=3), moved=True)
    contexts = prompter.contexts_of(random_features())
    assert torch.equal(contexts[:, :4], prompter.contexts.expand(2, -1, -1))
    assert (contexts[0, 4:] - contexts[1, 4:]).abs().max() > 1e-3


def test_attend_looks_at_positions_and_at_the_whole(text_encoder: TextEncoder) -> None:
    prompter = build(text_encoder, dict(mode='attend'), moved=True)
    features = random_features()
    text = prompter(features)
    dense = features.dense.clone()
    dense[0, :, 1, 2] += 1
    pooled = features.pooled.clone()
    pooled[0] += 1
    for changed in (features._replace(dense=dense), features._replace(pooled=pooled)):
        difference = (prompter(changed) - text).abs().amax(dim=(1, 2))
        assert difference[0] > 1e-4
        assert difference[1] < 1e-6
    # Lengths do not matter, and neither does the order of the positions.
    scaled = features._replace(dense=3 * features.dense.flip(3), pooled=0.2 * features.pooled)
    torch.testing.assert_close(prompter(scaled), text, rtol=0, atol=1e-5)


def test_contexts_start_from_words(text_encoder: TextEncoder) -> None:
    prompter = InstancePrompter(text_encoder, NAMES, init='a photo of a')
    words = text_encoder.token_embedding.weight[[320, 1125, 539, 320]]  # CLIP's ids of the words
    assert torch.equal(prompter.contexts, words)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(mode='replace'), "prompter.mode must be one of .* got 'replace'"),
        (dict(condition='none'), "must be 'image' or 'constant', got 'none'"),
        (dict(num_contexts=3), "init='a photo of a' has 4 tokens but num_contexts is 3"),
        (dict(init=None), 'num_contexts must be at least 1, got None'),
        (dict(init=None, num_contexts=0), 'num_contexts must be at least 1, got 0'),
        (dict(init=' '), 'has no tokens'),
        (dict(mode='attend', heads=5), 'prompter.heads=5 does not divide the width 48'),
        (dict(init=None, num_contexts=20), "1 of 4 .*'swimming pool ladder' .4 tokens.*fewer"),
        (dict(mode='concat', num_instance=16), "1 of 4 .*'swimming pool ladder' .4 tokens"),
    ],
)
def test_mistakes_raise(text_encoder: TextEncoder, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InstancePrompter(text_encoder, NAMES, **options)

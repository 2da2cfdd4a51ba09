"""CoOp's layouts, CoCoOp, ensembles of templates and learned class vectors."""

import open_clip
import pytest
import torch
from torch.nn import functional as F

from icpc.clip import TextEncoder, load_clip
from icpc.clip.text.vocabulary import imagenet_templates, shuffled, tokenize
from icpc.prompts import ClassVectorPrompter, CoCoOpPrompter, StaticPrompter, TemplatePrompter
from icpc.structures import CLIPFeatures

NAMES = ['wall', 'traffic light', 'swimming pool', 'bed ']


@pytest.fixture
def clip(tiny_resnet_cfg) -> torch.nn.Module:
    torch.manual_seed(0)
    return load_clip(tiny_resnet_cfg).requires_grad_(False).eval()


def _encode(clip: torch.nn.Module, texts: list[str]) -> torch.Tensor:
    return clip.encode_text(open_clip.SimpleTokenizer(context_length=24)(texts))


@pytest.mark.parametrize(
    ('position', 'sentence'),
    [
        ('end', 'a photo of a {}.'),
        ('middle', 'a photo {} of a.'),
        ('front', '{} a photo of a.'),
    ],
)
@pytest.mark.parametrize('class_specific', [False, True])
def test_layouts_equal_open_clip_on_the_sentence(clip, position, sentence, class_specific):
    prompter = StaticPrompter(
        TextEncoder(clip),
        NAMES,
        name_position=position,
        class_specific=class_specific,
        suffix='.',
    )
    expected = _encode(clip, [sentence.format(name) for name in NAMES])
    torch.testing.assert_close(prompter()[0], expected, atol=1e-5, rtol=1e-5)


def test_class_specific_contexts_are_each_classs_own(clip):
    torch.manual_seed(0)
    prompter = StaticPrompter(
        TextEncoder(clip), NAMES, num_contexts=3, init=None, init_std=0.02, class_specific=True
    )
    assert prompter.contexts.shape == (4, 3, 32)
    assert 0.01 < prompter.contexts.std() < 0.03
    assert not torch.equal(prompter.contexts[0], prompter.contexts[1])
    prompter()[0, 2].sum().backward()
    moved = prompter.contexts.grad.abs().amax(dim=(1, 2)) > 0
    assert moved.tolist() == [False, False, True, False]


def test_unknown_position(clip):
    with pytest.raises(ValueError, match="name_position must be one of .*'start'"):
        StaticPrompter(TextEncoder(clip), NAMES, name_position='start')


def test_cocoop_is_its_formula(clip):
    torch.manual_seed(0)
    encoder = TextEncoder(clip)
    prompter = CoCoOpPrompter(encoder, NAMES)
    pooled = torch.randn(2, 32)
    text = prompter(CLIPFeatures((), torch.randn(2, 32, 2, 2), pooled))
    first, _, second = prompter.meta_net.layers
    assert (first.out_features, second.out_features) == (2, 32)
    words = encoder.token_embedding.weight[tokenize('a photo of a')]
    for image in range(2):
        unit = pooled[image] / pooled[image].norm()
        bias = second.weight @ torch.relu(first.weight @ unit + first.bias) + second.bias
        for index, name in enumerate(NAMES):
            rest = encoder.token_embedding.weight[[*tokenize(name), *tokenize('.'), 49407]]
            start = encoder.token_embedding.weight[[49406]]
            prompt = torch.cat([start, words + bias, rest])[None]
            expected = encoder.encode_embeddings(prompt, torch.tensor([prompt.shape[1] - 1]))[0]
            torch.testing.assert_close(text[image, index], expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(text[0], text[1])


def test_an_ensemble_is_the_normalised_mean_of_open_clips_embeddings(clip):
    templates = ['a photo of a {}.', '{} in the dark', 'the {}.']
    prompter = TemplatePrompter(TextEncoder(clip), NAMES, template=templates)
    each = [
        F.normalize(_encode(clip, [t.format(name.strip()) for name in NAMES]), dim=-1)
        for t in templates
    ]
    expected = F.normalize(torch.stack(each).mean(dim=0), dim=-1)
    torch.testing.assert_close(prompter()[0], expected, atol=1e-5, rtol=1e-5)


def test_imagenet_templates_by_name(clip):
    prompter = TemplatePrompter(TextEncoder(clip), NAMES, template='imagenet')
    assert len(prompter.sentences) == len(imagenet_templates()) == 80
    torch.testing.assert_close(prompter().norm(dim=-1), torch.ones(1, 4))


def test_templates_are_encoded_again_only_when_the_tower_changes(clip, monkeypatch):
    encoder = TextEncoder(clip)
    prompter = TemplatePrompter(encoder, NAMES)
    calls = []
    forward = encoder.forward
    monkeypatch.setattr(encoder, 'forward', lambda *args: calls.append(1) or forward(*args))
    before = prompter()
    assert torch.equal(prompter(), before)
    assert len(calls) == 1
    state = {name: value * 1.5 for name, value in encoder.state_dict().items()}
    encoder.load_state_dict(state)
    assert not torch.allclose(prompter(), before)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert prompter().dtype == torch.bfloat16
    assert prompter().dtype == torch.float32


def test_class_vectors_have_no_text_tower():
    prompter = ClassVectorPrompter(NAMES, embed_dim=64)
    assert [name for name, _ in prompter.named_parameters()] == ['vectors']
    assert prompter.static_text().shape == (1, 4, 64)
    assert 0.7 < prompter.vectors.norm(dim=1).mean() < 1.3


@pytest.mark.parametrize('count', [2, 3, 18, 150])
def test_shuffled_names_are_a_fixed_derangement(count):
    names = [f'class {index}' for index in range(count)]
    for seed in range(5):
        other = shuffled(names, seed)
        assert sorted(other) == sorted(names)
        assert all(a != b for a, b in zip(names, other, strict=True))
        assert other == shuffled(names, seed)


def test_one_name_cannot_be_shuffled():
    with pytest.raises(ValueError, match='at least two'):
        shuffled(['wall'], 0)

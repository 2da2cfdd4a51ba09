"""Static contexts and one hand-written sentence."""

from collections.abc import Callable

import open_clip
import pytest
import torch
from torch import nn

from icpc.clip import TextEncoder, load_clip
from icpc.prompts import StaticPrompter, TemplatePrompter
from icpc.structures import CLIPFeatures

NAMES = ['wall', 'traffic_light', 'swimming pool ladder', 'bed ', 'sea']
READABLE = ['wall', 'traffic light', 'swimming pool ladder', 'bed', 'sea']


@pytest.fixture
def clip(tiny_resnet_cfg: dict) -> nn.Module:
    torch.manual_seed(0)
    return load_clip(tiny_resnet_cfg).eval()


def open_clips_text(clip: nn.Module, sentences: list[str]) -> torch.Tensor:
    with torch.no_grad():
        return clip.encode_text(open_clip.tokenize(sentences, context_length=24))


@pytest.mark.parametrize(
    'template', ['a photo of a {}.', '{}', '{} in a picture', 'the {} of a winter scene']
)
@pytest.mark.parametrize('count', [1, 5])
def test_a_template_equals_open_clip_on_the_sentence(
    clip: nn.Module, template: str, count: int
) -> None:
    sentences = [template.format(name) for name in READABLE[:count]]
    text = TemplatePrompter(TextEncoder(clip), NAMES[:count], template)()
    assert text.shape == (1, count, 32)
    torch.testing.assert_close(text[0], open_clips_text(clip, sentences), rtol=0, atol=1e-5)


def test_static_contexts_from_words_equal_open_clip_on_the_sentence(clip: nn.Module) -> None:
    text = StaticPrompter(TextEncoder(clip), NAMES, init='a photo of a')(None)
    expected = open_clips_text(clip, [f'a photo of a {name}' for name in READABLE])
    torch.testing.assert_close(text[0], expected, rtol=0, atol=1e-5)


def test_a_template_learns_nothing(clip: nn.Module) -> None:
    prompter = TemplatePrompter(TextEncoder(clip), NAMES)
    assert [name for name, p in prompter.named_parameters() if p.requires_grad] == []
    assert not prompter().requires_grad


def test_static_contexts_learn_and_nothing_else_does(clip: nn.Module) -> None:
    prompter = StaticPrompter(TextEncoder(clip), NAMES, num_contexts=8, init=None)
    assert [name for name, p in prompter.named_parameters() if p.requires_grad] == ['contexts']
    prompter().square().sum().backward()
    assert prompter.contexts.shape == (8, 32)
    assert prompter.contexts.grad.abs().min() > 0


@pytest.mark.parametrize(
    'make',
    [
        lambda encoder: StaticPrompter(encoder, NAMES),
        lambda encoder: TemplatePrompter(encoder, NAMES),
    ],
    ids=['static', 'template'],
)
def test_the_text_does_not_depend_on_the_picture(clip: nn.Module, make: Callable) -> None:
    prompter = make(TextEncoder(clip))
    features = CLIPFeatures((), torch.randn(3, 32, 2, 2), torch.randn(3, 32))
    assert not prompter.depends_on_image
    assert torch.equal(prompter(features), prompter(None))
    assert torch.equal(prompter.static_text(), prompter(features))


def test_random_contexts_are_denseclips_truncated_normal(tiny_resnet_cfg: dict) -> None:
    torch.manual_seed(0)
    tiny_resnet_cfg['text_cfg']['context_length'] = 300
    encoder = TextEncoder(load_clip(tiny_resnet_cfg))
    contexts = StaticPrompter(encoder, NAMES, num_contexts=256, init=None).contexts
    assert contexts.abs().max() <= 2
    # A standard normal cut at two deviations has deviation 0.8796.
    assert contexts.mean().abs() < 0.03
    assert abs(contexts.std() - 0.8796) < 0.02


@pytest.mark.parametrize('template', ['a photo', '', 'a {} on a {}'])
def test_a_template_needs_one_place_for_the_name(clip: nn.Module, template: str) -> None:
    with pytest.raises(ValueError, match='needs one {} for the class name'):
        TemplatePrompter(TextEncoder(clip), NAMES, template)


def test_sentences_and_contexts_that_are_too_long_name_the_class(clip: nn.Module) -> None:
    message = "1 of 5 .*'swimming pool ladder' .4 tokens"
    with pytest.raises(ValueError, match=message):
        StaticPrompter(TextEncoder(clip), NAMES, num_contexts=20, init=None)
    with pytest.raises(ValueError, match=message):
        TemplatePrompter(TextEncoder(clip), NAMES, 'a ' * 20 + '{}')

"""Stage 2 of CLIMS: its losses by hand, a frozen CLIP that is no part of the state, its units."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_clips import TINY_RESNET
from torch.nn import functional as F

from icpc.checkpoints.fitting import load_weights
from icpc.errors import UserError
from icpc.memory.shared_weights import shared_copy
from icpc.weak.losses import (
    background_suppression_loss,
    background_text_loss,
    clims_losses,
    masked_views,
    object_text_loss,
)
from icpc.weak.stages import CLIMSClassifier, TagClassifier

NAMES = ('background', 'cat', 'dog', 'cow')
BACKBONE = dict(type='Stride16ResNet', model='resnet18', pretrained=False)
PIXELS = dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, size=(64, 64))


def build(**options):
    torch.manual_seed(0)
    return CLIMSClassifier(
        NAMES,
        dict(model=TINY_RESNET),
        backbone=BACKBONE,
        data_preprocessor=dict(PIXELS),
        threshold_cbs=-1.0,
        **(dict(phrases=['sky', 'sea']) | options),
    )


def samples(*tags):
    return [SegDataSample(metainfo=dict(tags=np.array(one, np.float32))) for one in tags]


@pytest.fixture(scope='module')
def model():
    return build().train()


def test_clip_is_frozen_and_no_part_of_the_state(model):
    first = TagClassifier(NAMES, BACKBONE, data_preprocessor=dict(PIXELS))
    assert model.state_dict().keys() == first.state_dict().keys()
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    losses = model.loss(inputs, given)
    sum(losses.values()).backward()
    assert model.classifier.weight.grad.abs().sum() > 0
    clip = model.clip.visual
    assert not clip.training
    assert all(one.grad is None and not one.requires_grad for one in clip.parameters())
    assert model.loss_units(given) == {'': 2, 'loss_otm': 3, 'loss_btm': 3, 'loss_cbs': 3}
    model.double()
    assert next(clip.parameters()).dtype == torch.float64
    model.float()


def expected_losses(model, inputs, texts, adapt=lambda tower, z: z):
    """The losses of samples([1, 0, 1], [0, 1, 0]) by the functions that recorded values check."""
    maps = model.maps(inputs).sigmoid()
    images = (inputs * 60 + 120 - model.clip.statistics[0]) / model.clip.statistics[1]
    views = masked_views(images, maps, torch.tensor([[0, 0], [0, 2], [1, 1]]), 64)
    front, rest = (model.clip.visual(one) for one in views)
    seen = F.cosine_similarity(adapt('image', front), adapt('text', texts))
    unseen = F.cosine_similarity(adapt('image', rest), adapt('text', texts))
    against = F.normalize(front) @ F.normalize(model.phrases).T
    return dict(
        loss_otm=10 * object_text_loss(seen),
        loss_btm=24 * background_text_loss(unseen),
        loss_cbs=background_suppression_loss(against, -1.0) / 3,
        loss_reg=0.2 * maps.mean(),
    )


def test_each_loss_is_what_its_parts_say(model):
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    expected = expected_losses(model, inputs, model.texts[[0, 2, 1]])
    assert_equal(model.loss(inputs, given), expected)
    summed = shared_copy(model, summed_cbs=True)
    expected['loss_cbs'] *= 3
    assert_equal(summed.loss(inputs, given), expected)
    assert summed.loss_units(given)['loss_cbs'] == 1


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_adapters_change_what_is_held_against_the_class_alone(model):
    torch.manual_seed(1)
    adapted = build(adapters=dict(hidden=5, start=0.3)).train()
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    losses = adapted.loss(inputs, given)
    texts = adapted.texts[[0, 2, 1]]
    assert_equal(
        losses, expected_losses(adapted, inputs, texts, lambda t, z: adapted.adapters[t](z))
    )
    sum(losses.values()).backward()
    assert {name for name, one in adapted.adapters.named_parameters() if one.grad is None} == set()
    adapted.zero_grad()
    sum(adapted.loss(inputs, samples([0, 0, 0], [0, 0, 0])).values()).backward()
    assert all(one.grad is not None for one in adapted.adapters.parameters())
    fixed = build(adapters=dict(learned_ratio=False)).adapters
    assert {name for name, _ in fixed.named_parameters()} == {
        f'{tower}.fc.{layer}.weight' for tower in ('image', 'text') for layer in (0, 2)
    }


def test_each_picture_has_the_text_of_its_chosen_name():
    names = dict(cat=['cat', 'kitty'], dog=['dog'], cow=['cow', 'heifer', 'bull'])
    model = build(names=names, choices='table.json').train()
    every = ['cat', 'kitty', 'dog', 'cow', 'heifer', 'bull']
    assert [name for own in model.names for name in own] == every
    given = samples([1, 0, 1], [0, 1, 1])
    for path, one in zip('ab', given, strict=True):
        one.set_metainfo(dict(img_path=path))
    model.places = dict(a=torch.tensor([1, 0, 2]), b=torch.tensor([0, 0, 1]))
    pairs = torch.tensor([[0, 0], [0, 2], [1, 1], [1, 2]])
    texts = model.texts_of(torch.zeros(2, 3, 8, 8), given, pairs)
    wanted = ['kitty', 'bull', 'dog', 'heifer']
    torch.testing.assert_close(texts, model.texts[[every.index(name) for name in wanted]])
    torch.testing.assert_close(texts, model.clip.texts(wanted, 'a photo of {}.'))
    del model.places['b']
    with pytest.raises(UserError, match='b: no names are chosen.*NameChoiceHook'):
        model.loss(torch.randn(2, 3, 64, 64), given)


@pytest.mark.parametrize(
    'prompter',
    [
        dict(type='StaticPrompter', init='A photo of', suffix='.'),
        dict(type='ClassTokenPrompter', init='A photo of'),
        dict(type='InstancePrompter', init='A photo of', mode='attend', hidden=8),
    ],
    ids=lambda one: one['type'],
)
def test_learned_prompts_start_as_the_sentence_and_train_without_the_text_tower(prompter):
    torch.manual_seed(0)
    model = build(prompter=prompter, shifted=True).train()
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    pairs = torch.tensor([[0, 0], [0, 2], [1, 1]])
    end = '' if prompter['type'] == 'InstancePrompter' else '.'
    plain = model.clip.texts(NAMES[1:], 'A photo of {}' + end)
    found = model.texts_of(inputs, given, pairs)
    torch.testing.assert_close(found, plain[[0, 2, 1]], rtol=1e-4, atol=1e-5)
    sum(model.loss(inputs, given).values()).backward()
    grads = dict(model.prompter.named_parameters())
    assert all(one.grad is not None for one in grads.values())
    assert model.prompter.contexts.grad.abs().sum() > 0
    assert not any('text_encoder' in name for name in model.state_dict())
    if model.prompter.depends_on_image:
        torch.nn.init.normal_(model.prompter.generator.output[-1].weight)
        own = torch.stack([model.prompter(model.clip.features(one[None]))[0] for one in inputs])
        found = model.texts_of(inputs, given, pairs)
        torch.testing.assert_close(found, own[pairs[:, 0], pairs[:, 1]], rtol=0, atol=2e-5)
        assert (own[0] - own[1]).abs().max() > 2e-4
    model.double()
    assert model.clip.text.positional_embedding.dtype == torch.float64


def test_weights_go_from_stage_to_stage_and_say_what_is_left_out(capsys):
    first = TagClassifier(NAMES, BACKBONE, data_preprocessor=dict(PIXELS))
    second = build(adapters=dict())
    before = second.adapters['text'].ratio_vector.clone()
    load_weights(second, dict(state_dict=first.state_dict()), 'one.pth', fine_tunes=True)
    assert '6 tensors (adapters.image.fc.0.weight, ' in capsys.readouterr().out
    torch.testing.assert_close(second.classifier.weight, first.classifier.weight)
    torch.testing.assert_close(second.adapters['text'].ratio_vector, before)
    with pytest.raises(UserError, match='6 missing: adapters'):
        load_weights(second, dict(state_dict=first.state_dict()), 'one.pth')
    second.classifier.weight.data += 1
    load_weights(first, dict(state_dict=second.state_dict()), 'two.pth')
    assert 'are left out: they served a training' in capsys.readouterr().out
    torch.testing.assert_close(second.classifier.weight, first.classifier.weight)
    config = dict(type='CLIMSClassifier', teacher={}, adapters={}, backbone=BACKBONE, scales=[1.0])
    plain = dict(type='TagClassifier', backbone=BACKBONE, scales=[1.0])
    assert CLIMSClassifier.for_prediction(config) == plain


def test_shifted_cosines_have_a_gradient_below_zero():
    for shifted, expected in ((True, -1 / (1 - 0.5)), (False, 0.0)):
        front = torch.tensor([[-0.5, 0.75**0.5]])
        text = torch.tensor([[1.0, 0.0]], requires_grad=True)
        cosine = front @ text.T
        losses = clims_losses(
            front, front, text, front, front[None, None], threshold=2.0, shifted=shifted
        )
        (grad,) = torch.autograd.grad(losses['otm'], text)
        assert grad[0, 1].item() == pytest.approx(expected * 0.75**0.5, abs=1e-5), cosine


def test_pictures_without_tags_give_no_signal_but_the_area(model):
    losses = model.loss(torch.randn(2, 3, 64, 64), samples([0, 0, 0], [0, 0, 0]))
    assert [losses[f'loss_{one}'].item() for one in ('otm', 'btm', 'cbs')] == [0, 0, 0]
    assert losses['loss_reg'] > 0


def test_other_names_change_the_text_of_their_class_alone(model):
    other = build(names={'dog': 'hound'})
    same = (other.texts == model.texts).all(dim=1)
    assert same.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(names={'god': 'x'}), "'god' is no class"),
        (dict(weights={'omt': 1}), "no 'omt'"),
        (dict(phrases='vok'), "'voc', 'coco'"),
        (dict(names={'dog': []}), "'dog' needs a name"),
        (dict(names={'dog': ['a', 'a']}), "'dog' has a name twice"),
        (dict(choices='x.json'), 'nothing to choose'),
        (dict(refresh=0), 'refresh must be a number of steps'),
        (dict(choices='x', refresh=1), 'chosen in one way'),
        (dict(prompter=dict(type='TagClassifier')), 'is no prompter'),
        (dict(prompter=dict(type='ClassVectorPrompter')), 'reads no names'),
        (
            dict(names={'dog': ['a', 'b']}, refresh=1, prompter=dict(type='ClassTokenPrompter')),
            'learns something for each class',
        ),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        build(**options)

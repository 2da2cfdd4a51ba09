"""Other names than those of the training: who can answer, and that nobody else notices."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from random_weights import as_if_trained
from tiny_clips import TINY_VIT

from icpc.errors import UserError
from icpc.inference.palettes import palette_for

NAMES = ['wall', 'sky', 'green grass', 'sea']
CONTEXTS = dict(num_contexts=2, init=None)
GUIDED = dict(type='ScoreGuidedFPNHead')
FIXED = dict(type='SemanticFPNHead')


def model_of(prompter, head=GUIDED, names=NAMES, **others):
    torch.manual_seed(0)
    config = dict(
        type='CLIPSegmentor',
        clip=dict(model=TINY_VIT),
        class_names=names,
        backbone=dict(type='CLIPViT', norm_cfg=dict(type='GN', num_groups=2)),
        prompter=prompter,
        neck=dict(type='MultiScaleAlignment', levels=[0, 2], out_channels=8),
        decode_head=dict(channels=8, norm_cfg=None, **head),
    )
    return as_if_trained(MODELS.build(config | others)).eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def predicted(model, images):
    model.test_cfg = {**model.test_cfg, 'keep_logits': True}
    return model.predict(images)


KNOW_NAMES = {
    'static': dict(type='StaticPrompter', **CONTEXTS),
    'front': dict(type='StaticPrompter', name_position='front', suffix='.', **CONTEXTS),
    'cocoop': dict(type='CoCoOpPrompter'),
    'instance': dict(type='InstancePrompter', mode='concat', num_instance=2),
    'constant': dict(type='InstancePrompter', condition='constant'),
    'post': dict(type='PostModelPrompter'),
    'both': dict(type='PrePostPrompter'),
    'template': dict(type='TemplatePrompter', template=['a {}.', 'the {}.']),
}


@pytest.mark.parametrize('prompter', KNOW_NAMES.values(), ids=KNOW_NAMES)
def test_names_in_another_order_give_the_same_maps(prompter, images):
    model = model_of(prompter)
    order = [2, 0, 3, 1]
    own = predicted(model, images)
    other = predicted(model.with_classes([NAMES[k] for k in order]), images)
    for mine, theirs in zip(own, other, strict=True):
        for field in ('seg_logits', 'score_logits'):
            expected = mine.get(field).data[order]
            # A decoder behind the text tower lets names attend to each other, in any order.
            torch.testing.assert_close(theirs.get(field).data, expected, rtol=1e-4, atol=1e-5)
    assert model.class_names == tuple(NAMES)


def test_a_model_that_was_built_for_the_names_gives_the_same_score_map(images):
    """Fewer, more and longer names, against a model that has had them from the beginning."""
    model = model_of(KNOW_NAMES['instance'])
    names = ['tree', 'an old stone house', 'sky', 'car', 'cow', 'boat']
    other = model_of(KNOW_NAMES['instance'], FIXED, names)
    for part in ('backbone', 'prompter'):
        getattr(other, part).load_state_dict(getattr(model, part).state_dict())
    expected = predicted(other, images)
    found = predicted(model.with_classes(names, 'score_map'), images)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.score_logits.data, theirs.score_logits.data)
        assert torch.equal(mine.pred_sem_seg.data, theirs.pred_score_map.data)


def test_the_best_synonym_counts(images):
    model = model_of(KNOW_NAMES['static'])
    flat = predicted(
        model.with_classes(['sky', 'cloud', 'sea', 'water', 'cow'], 'score_map'), images
    )
    joined = predicted(model.with_classes(['sky;cloud', 'sea ; water', 'cow'], 'score_map'), images)
    for apart, together in zip(flat, joined, strict=True):
        low = apart.score_logits.data
        # The maximum is taken at the network's resolution: never above that of the full size maps.
        upper = torch.stack([low[:2].amax(0), low[2:4].amax(0), low[4]])
        assert (together.score_logits.data >= upper - 1e-5).all()
        assert (together.score_logits.data - upper).abs().mean() < 0.05
        assert together.score_logits.data.shape[0] == 3


def test_a_guided_head_adds_nothing_to_words_it_was_not_trained_on(images):
    held = dict(held_out_classes=['sea'])
    model = model_of(KNOW_NAMES['static'], **held)
    features = model.encode_images(images)
    text = model.encode_text(features)
    inputs, _ = model.decoder_inputs(features, text)
    residual = model.decode_head.residual(inputs[:-1])
    other = model.with_classes(['sky', 'cow', 'sea'])
    words = other.prompter(None)
    scores = model.neck.score_map(features, words, model.score_level)
    nothing = torch.zeros_like(residual[:, 1])
    added = torch.stack([residual[:, 1], nothing, nothing], dim=1)
    expected = model.decode_head.guided(added, scores)
    torch.testing.assert_close(other._maps(images, other.static_text())[0], expected)


@pytest.mark.parametrize(
    ('prompter', 'head', 'asked', 'message'),
    [
        (KNOW_NAMES['static'], FIXED, None, "SemanticFPNHead .* 4 classes .*head='score_map'"),
        (dict(type='ClassVectorPrompter'), FIXED, 'score_map', 'learned a vector for each class'),
        (
            dict(type='StaticPrompter', class_specific=True, **CONTEXTS),
            FIXED,
            'score_map',
            'contexts of its own for each class',
        ),
        (None, FIXED, 'score_map', 'has no text'),
    ],
)
def test_who_cannot_answer_says_why(prompter, head, asked, message):
    neck = dict(type='MultiScaleAlignment', levels=[2], out_channels=8)
    model = model_of(prompter, head, neck=neck)
    with pytest.raises(UserError, match=message):
        model.with_classes(['cat', 'dog'], asked)


def test_threads_get_what_they_would_get_alone(scenes):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    asked = [None, ['sea', 'sky', 'house'], ['car', 'sand', 'cow', 'wall'], ['sky', 'sea']] * 3

    def ask(names):
        head = None if names is None else 'score_map'
        return scenes.predict(picture, names, head, score_maps=True, probabilities=True)

    alone = [ask(names) for names in asked[:4]]
    before = {key: value.clone() for key, value in scenes.model.state_dict().items()}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, asked))
    for place, found in enumerate(together):
        expected = alone[place % 4]
        assert found.classes == expected.classes
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.score_maps, expected.score_maps)
    after = scenes.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_text_is_encoded_once_for_a_vocabulary(scenes):
    one = scenes.model_for(('sky', 'sea'), 'score_map')
    assert scenes.model_for(('sky', 'sea'), 'score_map') is one
    for place in range(9):
        scenes.model_for(('sky', f'sea{place}'), 'score_map')
    assert len(scenes._models) == 8
    assert scenes.model_for(('sky', 'sea'), 'score_map') is not one


def test_the_model_that_answers_can_be_had(scenes):
    assert scenes.answering() == (scenes.model, scenes.classes, scenes.palette)
    model, names, palette = scenes.answering('sky, water;sea', 'score_map')
    assert (model, names) == (scenes.model_for(('sky', 'water;sea'), 'score_map'), ('sky', 'water'))
    places = [scenes.classes.index(name) for name in ('sky', 'sea')]
    np.testing.assert_array_equal(palette, scenes.palette[places])


@pytest.mark.parametrize(
    ('names', 'colours'),
    [
        (['b;a'], [2]),  # its own before a synonym's
        (['x;a', 'y;a', 'b'], [1, None, 2]),
        (['x;a;b', 'a'], [2, 1]),  # a is another class
        (['a', 'a'], [1, 1]),
        (['a;b'], [3]),  # a name of the training that holds the separator
    ],
)
def test_a_synonym_lends_its_colour_to_one_class(names, colours):
    known = ['a', 'b'] if colours != [3] else ['a', 'b', 'a;b']
    found = palette_for(names, known, [[1] * 3, [2] * 3, [3] * 3])
    given = [row[0] if len(set(row)) == 1 and row[0] < 4 else None for row in found.tolist()]
    assert given == colours


def test_colours_go_with_names(scenes):
    picture = np.zeros((16, 16, 3), np.uint8)
    found = scenes.predict(picture, 'water;sea, sky, sea', head='score_map')
    assert found.classes == ('water', 'sky', 'sea')
    sky = scenes.palette[scenes.classes.index('sky')]
    np.testing.assert_array_equal(found.palette[1], sky)

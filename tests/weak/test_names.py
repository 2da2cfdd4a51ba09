"""Names that are chosen: candidates, tables, and what a training does with them."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.datasets.scenes.scene_classes import THINGS
from icpc.datasets.scenes.scene_files import write_scenes
from icpc.errors import Requeue, UserError
from icpc.inference.load_model import load_model
from icpc.training.loop import GlobalBatchLoop
from icpc.weak.candidates import candidate_names
from icpc.weak.naming import choice_hook
from icpc.weak.naming.choice_hook import NameChoiceHook
from icpc.weak.naming.choosing import choose
from icpc.weak.naming.tables import places_of_table
from icpc.weak.selection import clip_picture, masked_pictures
from icpc.weak.stages import TagClassifier
from icpc.weak.tags.coco_classes import COCO_CLASSES
from icpc.weak.tags.tag_files import write_tags
from icpc.weak.tags.tagged_datasets import TaggedVOCDataset
from icpc.weakly.names.name_stage import choose_names

TAGS = {'00000': ['house', 'cow'], '00001': ['house', 'tree'], '00002': ['car'], '00003': []}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    list(write_scenes(root, {'training': 4}, size=32))
    write_tags(TAGS, root / 'tags.json')
    return root


def options(root, **more):
    sizes = {'global_batch': 2, 'gpu_batch': 2, 'crop_size': 32, 'num_workers': 0, 'max_iters': 3}
    return {'data_root': str(root), 'model.scales': [1.0], **sizes, **more}


CLIP = {'model.teacher.image_size': None}


@pytest.mark.parametrize(
    ('file', 'classes'),
    [
        ('voc', TaggedVOCDataset.METAINFO['classes'][1:]),
        ('coco', COCO_CLASSES),
        ('scenes', THINGS),
    ],
)
def test_the_packaged_files_name_every_class(file, classes):
    found = candidate_names(file, classes)
    assert {len(names) for names in found} == {3 if file == 'scenes' else 4}
    if file != 'scenes':
        assert found[classes.index('person')] == ['player', 'person', 'human', 'people']


def test_other_candidates(tmp_path):
    (tmp_path / 'own.txt').write_text('cat: cat, kitty\ndog: hound\n')
    own = candidate_names(str(tmp_path / 'own.txt'), ['cat', 'dog'])
    assert own == [['cat', 'kitty'], ['hound']]
    assert candidate_names({'dog': 'hound'}, ['cat', 'dog']) == [['cat'], ['hound']]
    with pytest.raises(UserError, match=r'no such file, nor packaged \(coco, scenes, voc\)'):
        candidate_names('vok', ['cat'])


MODEL = SimpleNamespace(
    class_names=['background', 'cat', 'dog'], names=[['cat', 'kitty'], ['dog', 'hound', 'puppy']]
)


class Pictures(list):
    """Two pictures of a cat, of which one shows a dog, too."""

    def get_data_info(self, index):
        return self[index]

    def name_of(self, info):
        return info['img_path']


PICTURES = Pictures(
    dict(img_path=name, tags=np.array(tags)) for name, tags in (('a', [1, 0]), ('b', [1, 1]))
)


def table(tmp_path, tree):
    (tmp_path / 'choices.json').write_text(json.dumps(tree))
    return places_of_table(tmp_path / 'choices.json', PICTURES, MODEL)


def test_a_table_gives_the_place_of_each_name(tmp_path, capsys):
    tree = dict(a=dict(cat='kitty', dog='dog'), b=dict(cat='cat', dog='puppy'), c=dict(cat='x'))
    assert table(tmp_path, tree).tolist() == [[1, -1], [0, 2]]
    assert '1 names are of classes that are no tags' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('tree', 'words'),
    [
        (dict(a=dict(cat='cat')), r'2 classes of pictures, among them b \(cat\), b \(dog\)'),
        (dict(a={}, b=dict(cat='cat', dog='dog')), r'1 classes of pictures, among them a \(cat\)'),
        (dict(a=dict(cat='kity')), "a: 'kity' is no name of 'cat'; did you mean kitty"),
        (dict(a=dict(cow='cow')), "'cow' is no class of this data set"),
        (dict(a=['cat']), 'must be'),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, tree, words):
    with pytest.raises(UserError, match=words):
        table(tmp_path, tree)


def test_choosing_again_is_exact_under_resume(root, tmp_path, monkeypatch):
    config = 'pole/pole-adapters_tiny_scenes-128'
    given = options(root, max_iters=2, **CLIP, **{'choices': None, 'model.refresh': 2})
    measured = train(config, given, str(tmp_path / 'whole'))  # in one piece

    def stop_after_the_first(loop, *args, plain=GlobalBatchLoop.run_iter):
        return plain(loop, *args) or loop._iter == 1

    with monkeypatch.context() as patch:
        patch.setattr(GlobalBatchLoop, 'run_iter', stop_after_the_first)
        with pytest.raises(Requeue):
            train(config, given, str(tmp_path / 'parts'))
    train(config, given, str(tmp_path / 'parts'), resume=True)
    whole, parts = (load_checkpoint(tmp_path / name / 'iter_2.pth') for name in ('whole', 'parts'))
    places = whole['chosen_names']
    assert (places >= 0).int().tolist() == [
        [int(thing in tags) for thing in THINGS] for tags in TAGS.values()
    ]
    assert (places > 0).any()
    torch.testing.assert_close(parts['chosen_names'], places)
    for name, value in whole['state_dict'].items():
        assert torch.equal(parts['state_dict'][name], value), name
    ours = config, str(tmp_path / 'whole/iter_2.pth'), given, str(tmp_path / 'test'), 'val'
    assert evaluate(*ours) == measured
    loaded = load_model(tmp_path / 'whole').model  # predicts without CLIP and adapters
    assert type(loaded) is TagClassifier
    assert torch.equal(loaded.classifier.weight.cpu(), whole['state_dict']['classifier.weight'])


def test_ranks_share_a_choice_and_have_all_of_it(root, monkeypatch):
    taken = []
    parts = [[torch.tensor(-1)] * 3 for _ in range(5)]
    monkeypatch.setattr(choice_hook, 'choose', lambda model, dataset, index: index)
    monkeypatch.setattr(choice_hook, 'place_vector', lambda index, count: torch.tensor([index] * 3))
    monkeypatch.setattr(choice_hook, 'get_world_size', lambda: 2)
    monkeypatch.setattr(
        choice_hook, 'all_reduce', lambda value, op: taken.append(value.clone()) or op
    )
    for rank in (0, 1):
        monkeypatch.setattr(choice_hook, 'get_rank', lambda rank=rank: rank)
        hook = NameChoiceHook()
        hook._dataset, hook._take = parts, lambda *_: None
        model = torch.nn.Module()
        model.refresh, model.names, model.first_name = 1, [0, 0, 0], torch.zeros(3).long()
        loader = SimpleNamespace(dataset=None)
        hook.before_train_iter(SimpleNamespace(model=model, iter=0, train_dataloader=loader))
    assert taken[0][:, 0].tolist() == [0, -1, 2, -1, 4]
    assert taken[1][:, 0].tolist() == [-1, 1, -1, 3, -1]
    assert torch.maximum(*taken)[:, 2].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_names_are_chosen_once_and_trained_with(root, tmp_path, monkeypatch, capsys):
    train('pole/cam_tiny_scenes-128', options(root, max_iters=1), str(tmp_path / 'cam'))
    given = options(root, choices=str(tmp_path / 'names/choices.json'), max_iters=1, **CLIP)
    config = 'pole/pole_tiny_scenes-128'
    seen = {}

    def remembered(model, dataset, index, published):
        seen[index] = choose(model, dataset, index, published), model
        return seen[index][0]

    monkeypatch.setattr('icpc.weakly.names.name_stage.choose', remembered)
    work = config, tmp_path / 'cam', tmp_path / 'names', given
    first = choose_names(*work, pictures=2)
    found, model = seen[0]
    assert found.classes == [THINGS.index('house'), THINGS.index('cow')]
    mean, std = model.clip.statistics
    for row, label in enumerate(found.classes):
        masked = masked_pictures(torch.from_numpy(found.picture), found.cam[row : row + 1])
        pixels = clip_picture(masked[0].numpy(), 64) * 255
        seen_by_clip = model.clip.visual((pixels[None] - mean) / std)
        texts = model.clip.texts(model.names[label], 'a photo of {}.')
        near = torch.cosine_similarity(seen_by_clip, texts)
        torch.testing.assert_close(found.similarities[row], near, rtol=1e-4, atol=1e-5)
        assert found.places[row] == int(near.argmax())
    choices = json.loads((tmp_path / 'names/choices.json').read_text())
    assert {name: [*row] for name, row in choices.items()} == TAGS
    counts = json.loads((tmp_path / 'names/counts.json').read_text())
    assert sum(counts['house']['counts'].values()) == 2
    assert (tmp_path / 'names/names.png').stat().st_size > 1000
    capsys.readouterr()
    assert choose_names(*work) == first
    assert 'names: done' in capsys.readouterr().out
    # What was stopped goes on: three of the pictures are there, the fourth line is cut.
    seen.clear()
    shutil.copytree(tmp_path / 'names', tmp_path / 'cut')
    (tmp_path / 'cut/run.json').unlink()
    record = json.loads((tmp_path / 'names/run.json').read_text())
    lines = [json.dumps(item) for item in choices.items()]
    part = '\n'.join([record['fingerprints']['config'], *lines[:3], lines[3][:5]])
    (tmp_path / 'cut/choices.partial').write_text(part)
    choose_names(*work[:2], tmp_path / 'cut', given, pictures=1)
    assert [*seen] == [3]
    assert json.loads((tmp_path / 'cut/choices.json').read_text()) == choices
    train(config, given, str(tmp_path / 'pole'))
    assert (tmp_path / 'pole/iter_1.pth').is_file()
    choices['00000'].pop('cow')
    (tmp_path / 'names/choices.json').write_text(json.dumps(choices))
    with pytest.raises(UserError, match=r'no name is chosen for 1 .* 00000 \(cow\)'):
        train(config, given, str(tmp_path / 'other'))
    assert not [*(tmp_path / 'other').glob('iter_*')]

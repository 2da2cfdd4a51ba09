"""A model on other data and classes: the truth is what it predicts, so right is 100 percent."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import icpc
from icpc.cli.main import main
from icpc.commands.anywhere import evaluate_anywhere as module
from icpc.commands.anywhere.answers import answering
from icpc.commands.anywhere.evaluate_anywhere import evaluate_anywhere
from icpc.errors import UserError

QUICK = {'num_workers': 0, 'default_hooks.panel': None}
ADE = {'sky': 3, 'house': 26, 'road': 7, 'person': 13}  # ids in the files, from 1


@pytest.fixture(scope='module')
def scenes():
    return icpc.load_model('scenes', device='cpu')


@pytest.fixture
def loaded(scenes, monkeypatch):
    monkeypatch.setattr(module, 'load_model', lambda *_: scenes)
    return scenes


def save(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(folder / name)


@pytest.fixture(scope='module')
def data(scenes, tmp_path_factory) -> SimpleNamespace:
    """Coloured blocks: `own` as a user has them, `prepared`, and `ade` in the layout of ADE20K."""
    root, rng = tmp_path_factory.mktemp('data'), np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (4, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1) for _ in '12']
    for k, picture in enumerate(pictures):
        labels = scenes.predict(picture).labels
        new, ade = np.full(labels.shape, 255, np.uint8), np.zeros(labels.shape, np.uint8)
        for place, (name, number) in enumerate(ADE.items()):
            new[labels == scenes.classes.index(name)] = place
            ade[labels == scenes.classes.index(name)] = number
        save(root / 'own/images', f'{k}.png', picture)
        save(root / 'own/masks', f'{k}.png', new)
        for split in ('validation', 'test')[: 2 - k]:
            save(root / f'prepared/images/{split}', f'{k}.png', picture)
            wide = new.astype(np.uint16)
            wide[new == 255] = 65535  # void
            save(root / f'prepared/annotations/{split}', f'{k}.png', wide)
        save(root / 'ade/images/validation', f'{k}.png', picture)
        save(root / 'ade/annotations/validation', f'{k}.png', ade)
    (root / 'own/names.txt').write_text('\n'.join(ADE))
    (root / 'prepared/classes.txt').write_text('\n'.join(ADE))
    (root / 'prepared/prepared.json').write_text(json.dumps({'dataset': 'folder'}))
    return SimpleNamespace(root=root, pictures=pictures)


SUFFIX = {'test_dataloader.dataset.img_suffix': '.png'}
TABLE = {
    'all': ('own', {}, {}, '4 by their names from the 18 of the training; never answered: sea'),
    'some, in another order': ('own', dict(classes='person, sky'), {}, '2 by their names'),
    'by a synonym': ('own', dict(classes='person;people, sky'), {}, '2 by their names'),
    'prepared': ('prepared', {}, {}, '4 by their names'),
    'a split': ('prepared', dict(split='val'), {}, '4 by their names'),
    'said to be': ('ade', dict(dataset='ade20k', classes='house, road, sky'), SUFFIX, '3 by their'),
}


@pytest.mark.parametrize('name', TABLE)
def test_outputs_are_found_by_name(name, data, loaded, tmp_path, capsys):
    folder, options, overrides, said = TABLE[name]
    metrics = evaluate_anywhere(
        'scenes',
        str(data.root / folder),
        options={**QUICK, **overrides},
        work_dir=str(tmp_path),
        **options,
    )
    assert metrics['mIoU'] == 100
    assert f'classes: {said}' in capsys.readouterr().out
    assert (tmp_path / 'metrics.jsonl').is_file()


def own_names(data, tmp_path, names: list[str]) -> str:
    """The same pictures with other names."""
    for part in ('images', 'masks'):
        (tmp_path / part).symlink_to(data.root / 'own' / part)
    (tmp_path / 'names.txt').write_text('\n'.join(names))
    return str(tmp_path)


def test_other_names_are_answered_by_synonyms_or_by_text(data, loaded, tmp_path, capsys):
    folder = own_names(data, tmp_path, ['sky', 'house', 'road', 'human'])
    work = str(tmp_path / 'work')
    with pytest.raises(UserError, match="does not know 'human'.*--head score_map"):
        evaluate_anywhere('scenes', folder, options=QUICK, work_dir=work)
    assert not Path(work).exists()
    names = tmp_path / 'list.txt'
    names.write_text('human;person\nsky\n')
    found = evaluate_anywhere('scenes', folder, str(names), options=QUICK, work_dir=work)
    assert found['mIoU'] == 100
    assert 'human is person' in capsys.readouterr().out
    out = tmp_path / 'out'
    evaluate_anywhere(
        'scenes', folder, options=QUICK, work_dir=work, head='score_map', out=str(out)
    )
    assert 'classes: all 4 answered by their text' in capsys.readouterr().out
    classes = ['sky', 'house', 'road', 'human']
    for k, picture in enumerate(data.pictures):
        labels = loaded.predict(picture, classes=classes, head='score_map').labels
        assert np.array_equal(np.asarray(Image.open(out / f'{k}.png')), labels)


def test_the_command_draws_maps_of_chosen_classes(data, loaded, tmp_path, capsys):
    names = tmp_path / 'list.txt'
    names.write_text('road\nhouse\nsky;sea\n')
    words = ['test', 'scenes', '--data', str(data.root / 'own'), '--classes', str(names)]
    options = ['--work-dir', str(tmp_path / 'w'), '--cfg-options', 'num_workers=0']
    assert main([*words, *options, 'default_hooks.panel.count=1']) == 0
    said = capsys.readouterr().out
    assert 'sky is sky or sea' in said
    assert 'pictures with score maps' in said


def test_maps_of_a_class_are_the_highest_of_its_outputs(data, scenes):
    model, _ = answering(scenes, ('road', 'sky;sea'))
    ready = scenes._prepare(data.pictures[0], 'a')
    batch = dict(inputs=[ready.inputs], data_samples=[ready.sample])
    whole = scenes.predict(data.pictures[0], score_maps=True, probabilities=True)
    (sample,) = model.test_step_with_maps(batch, [1, 0])
    sky, sea, road = (scenes.classes.index(name) for name in ('sky', 'sea', 'road'))
    maps = whole.score_maps
    expected = np.stack([np.maximum(maps[sky], maps[sea]), maps[road]])
    assert np.allclose(sample.score_maps.data.numpy(), expected, atol=1e-6)
    shares = whole.probabilities
    best = np.maximum(shares[sky], shares[sea]) > shares[road]
    assert np.array_equal(sample.pred_sem_seg.data[0].numpy(), best)


@pytest.mark.parametrize(
    ('folder', 'options', 'message'),
    [
        ('nowhere', {}, 'no such folder'),
        ('ade', {}, 'neither a prepared data set nor images/, masks/.*it holds annotations'),
        ('ade', dict(dataset='ade20'), 'did you mean ade20k'),
        ('own', dict(classes='sky, hous'), "no class 'hous'; did you mean house"),
        ('own', dict(classes='sky;road, house'), 'stands for 2 classes of the data, sky, road'),
        ('own', dict(classes='missing.txt'), 'no such names file'),
        ('own', dict(options={'model.x': 1}), 'model.x: the model is evaluated as it was loaded'),
        ('own', dict(options={'lr': 1}), 'lr: the config has no lr'),
    ],
)
def test_what_cannot_be_evaluated_is_refused(folder, options, message, data, loaded, tmp_path):
    work = tmp_path / 'work'
    with pytest.raises(UserError, match=message):
        evaluate_anywhere('scenes', str(data.root / folder), work_dir=str(work), **options)
    assert not work.exists()


def test_without_a_names_file_the_list_says_what_the_ids_mean(data, loaded, tmp_path):
    folder = own_names(data, tmp_path, [])
    (tmp_path / 'names.txt').unlink()
    with pytest.raises(UserError, match='names.txt: no such names file.*--classes FILE'):
        evaluate_anywhere('scenes', folder)
    options = dict(options=QUICK, work_dir=str(tmp_path / 'work'))
    assert evaluate_anywhere('scenes', folder, ', '.join(ADE), **options)['mIoU'] == 100


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['a.py', 'b.pth', '--classes', 'x'], '--classes: needs --data'),
        (['a.py', 'b.pth', '--config', 'x'], '--config: needs --data'),
        (['scenes', 'b.pth', '--data', 'x'], 'leave the checkpoint b.pth out'),
        (['scenes', '--data', 'x', '--tta'], 'leave --tta out'),
    ],
)
def test_words_that_do_not_go_together(words, message, capsys):
    with pytest.raises(SystemExit):
        main(['test', *words])
    assert message in capsys.readouterr().err

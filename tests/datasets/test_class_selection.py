"""`classes=[...]` maps ids by name in every kind of data set; nothing here trains."""

from pathlib import Path
from types import SimpleNamespace

import downloads
import numpy as np
import pytest
import torch
from mmseg.datasets import ADE20KDataset
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules
from PIL import Image

from icpc import load_config
from icpc.commands.verify_data import verify
from icpc.datasets.checks.class_counts import class_counts
from icpc.datasets.checks.label_ids import ids_in_files
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.converters.prepare import make_plan
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import prepare
from icpc.datasets.folder import FolderDataset
from icpc.datasets.scenes.scene_files import write_scenes
from icpc.errors import UserError
from icpc.evaluation.prediction_hooks import SavePredictionsHook

# name -> (made-up download, config, data_root below the prepared folder)
WAYS = {
    'ade20k': (downloads.ade20k, 'ade20k-512', ''),
    'coco-stuff10k': (downloads.coco_stuff10k, 'coco-stuff10k-512', ''),
    'coco-stuff164k': (downloads.coco_stuff164k, 'coco-stuff164k-512', ''),
    'voc': (downloads.voc, 'voc-512', 'VOC2012'),
    'pascal-context59': (downloads.pascal_context59, 'pascal-context59-512', 'VOC2010'),
    'cityscapes': (downloads.cityscapes, 'cityscapes-768', ''),
    'camvid': (downloads.camvid, 'camvid-352', ''),
    'folder': (downloads.folder, 'folder-512', ''),
    'ade20k-full': (downloads.ade20k_full, 'ade20k-full-512', ''),
}


class Arguments:
    """What the command line gives."""

    def __init__(self, dataset: str, tmp_path: Path) -> None:
        self.dataset = dataset
        self.table, self.expect_classes = None, 4
        self.images, self.masks, self.first_id, self.validation_every = 'pictures', 'labels', 0, 2
        self.ignore_id = self.class_ids = self.mask_name = self.palette = None
        self.image_name, self.split = '{}', 'kept'
        self.names = tmp_path / 'names.txt'
        self.names.write_text('cat\ndog\nbird\n')


CONFIGS = Path(__file__).parents[2] / 'configs' / 'icpc'
FOLDER = CONFIGS / 'icpc_rn50_fpn_80k_folder-512.py'
WIDE = [f'class {i}' for i in range(300)]


@pytest.fixture(autouse=True)
def _registered():
    register_all_modules(init_default_scope=True)


def build(config: dict):
    return DATASETS.build({**config, 'serialize_data': False})  # it collects garbage for long


def built(config: Path, root: Path, split: str = 'val', **options: object):
    cfg = load_config(config, {'data_root': str(root), **options})
    return build(cfg[f'{split}_dataloader'].dataset)


def loaded(dataset, index: int = 0) -> np.ndarray:
    info = dataset.get_data_info(index)
    for step in dataset.pipeline.transforms:
        if type(step).__name__.startswith('Load'):
            info = step(info)
    return info['gt_seg_map']


def on_disk(dataset, index: int = 0) -> np.ndarray:
    return np.array(Image.open(dataset.get_data_info(index)['seg_map_path'])).astype(int)


def expected(ids: np.ndarray, names: dict[int, str], chosen: list[str], ignored: int) -> np.ndarray:
    """Each pixel's place in the chosen list, by the name of its id, one by one."""
    places = [chosen.index(names[i]) if names.get(i) in chosen else ignored for i in ids.ravel()]
    return np.array(places).reshape(ids.shape)


def write_folder(root: Path, names: list[str], ids: np.ndarray) -> Path:
    for split in ('training', 'validation'):
        files = {
            f'images/{split}/0.jpg': downloads.picture(size=ids.shape),
            f'annotations/{split}/0.png': downloads.encoded(ids),
        }
        downloads.write(root, files)
    (root / 'classes.txt').write_text(''.join(f'{name}\n' for name in names))
    return root


@pytest.fixture
def wide(tmp_path) -> Path:
    """300 classes: 255 is one of them, 65535 is ignored."""
    ids = downloads.ids([0, 7, 255, 299, 65535], np.uint16)
    return write_folder(tmp_path / 'wide', WIDE, ids)


@pytest.mark.parametrize('name', WAYS)
def test_every_kind_maps_ids_by_name(name, tmp_path):
    download, config, root = WAYS[name]
    source = Source(downloads.write(tmp_path / 'download', download()))
    plan = make_plan(Arguments(name, tmp_path), source)
    list(prepare(source, tmp_path / 'data', plan.jobs, plan.settings, plan.texts, workers=1))
    config, root = CONFIGS / f'icpc_rn50_fpn_80k_{config}.py', tmp_path / 'data' / root
    whole = built(config, root)
    first = int(whole.reduce_zero_label)
    names = {i: n.strip() for i, n in enumerate(whole.metainfo['classes'], first)}
    ids = on_disk(whole)
    there = [names[i] for i in np.unique(ids) if i in names]
    absent = [n for n in names.values() if n not in there][:2]
    assert len(there) >= 2
    assert np.array_equal(
        loaded(whole), expected(ids, names, [*names.values()], whole.ignore_index)
    )
    colours = dict(zip(names.values(), map(tuple, whole.metainfo['palette']), strict=True))
    for chosen in ([there[-1], *absent, there[0]], [*names.values()][::-1]):
        cfg = load_config(config, {'data_root': str(root), 'classes': chosen})
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            dataset = build(loader.dataset)
            assert [name.strip() for name in dataset.metainfo['classes']] == chosen
            truth = expected(on_disk(dataset), names, chosen, whole.ignore_index)
            assert np.array_equal(loaded(dataset), truth)
            verify_labels(dataset)
            masks = np.concatenate([loaded(dataset, i).ravel() for i in range(len(dataset))])
            assert class_counts(dataset).tolist() == [
                int((masks == place).sum()) for place in range(len(chosen))
            ]
            # A class keeps its colour, and its id in the files.
            assert [tuple(c) for c in dataset.metainfo['palette']] == [colours[n] for n in chosen]
            assert [names[i] for i in ids_in_files(dataset)] == chosen


def test_scenes(tmp_path):
    list(write_scenes(tmp_path, dict(training=1, validation=1, test=1), 48, 0))
    config = CONFIGS / 'icpc_tiny_fpn_1k_scenes-128.py'
    whole = built(config, tmp_path)
    names = dict(enumerate(whole.metainfo['classes'], 1))
    chosen = [*names.values()][::-2]
    dataset = built(config, tmp_path, classes=chosen)
    assert np.array_equal(loaded(dataset), expected(on_disk(dataset), names, chosen, 255))


def test_255_is_a_class_and_65535_is_ignored(wide):
    chosen = ['class 299', 'class 255', 'class 3']
    dataset = built(FOLDER, wide, classes=chosen)
    labels = loaded(dataset)
    assert labels.dtype == np.uint16
    assert labels[0, ::12].tolist() == [65535, 65535, 1, 0, 65535]
    whole_list = built(FOLDER, wide, classes=WIDE[::-1])
    assert loaded(whole_list)[0, ::12].tolist() == [299, 292, 44, 0, 65535]


@pytest.mark.parametrize('split', ['train', 'val'])
def test_nothing_on_the_way_to_the_model_cuts_ids(wide, split):
    """More than 255 chosen classes through the whole pipeline: only their places come out."""
    options = {'classes': WIDE[:0:-1], 'crop_size': 40}  # class 299 .. class 1
    dataset = built(FOLDER, wide, split, **options)
    np.random.seed(0)
    samples = [dataset[0]['data_samples'].gt_sem_seg.data for _ in range(6)]
    assert set(torch.cat([labels.ravel() for labels in samples]).tolist()) == {0, 44, 292, 65535}


def test_a_names_file_chooses_like_a_list(wide, tmp_path):
    names = tmp_path / 'mine.txt'
    names.write_bytes(b'\xef\xbb\xbf class 299 \r\n\r\nclass 255\n')
    dataset = built(FOLDER, wide, classes=str(names))
    assert dataset.metainfo['classes'] == ['class 299', 'class 255']
    assert loaded(dataset)[0, ::12].tolist() == [65535, 65535, 1, 0, 65535]


def test_names_with_spaces_around_and_synonyms(tmp_path):
    names = ['car, auto', ' sky ', 'wall']
    root = write_folder(tmp_path / 'own', names, downloads.ids([0, 1, 2], np.uint16))
    for text in (['sky', ' car, auto'], "[' sky ', 'car, auto']"):
        options = [f'data_root={root}', f'classes={text}']
        cfg = load_config(FOLDER, options)
        assert cfg.class_names == ['sky', 'car, auto']
        labels = loaded(build(cfg.val_dataloader.dataset))
        assert labels[0, [0, 25, 50]].tolist() == [1, 0, 65535]
    with pytest.raises(UserError, match="no class 'auto'; did you mean 'car, auto'"):
        load_config(FOLDER, {'data_root': str(root), 'classes': ['auto', 'sky']})


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (['class 3', 'clas 299'], "no class 'clas 299'; did you mean class 299"),
        (['class 3', ' class 3'], "'class 3' comes twice"),
        (['class 3'], "'class 3' alone leaves nothing to tell apart"),
        ([], 'must be a list of different names'),
        (3, 'must be a list of different names'),
        ('nowhere.txt', 'no such names file'),
    ],
)
def test_what_is_no_choice_is_refused(wide, classes, message):
    with pytest.raises(UserError, match=message):
        load_config(FOLDER, {'data_root': str(wide), 'classes': classes})


def test_a_folder_without_its_list(wide):
    (wide / 'classes.txt').rename(wide / 'names.txt')
    with pytest.raises(UserError, match=r'classes\.txt: no such names file'):
        load_config(FOLDER, {'data_root': str(wide)})
    with pytest.raises(UserError, match='classes.txt, which says what the ids of the masks mean'):
        built(FOLDER, wide, classes=WIDE[:3])
    dataset = built(FOLDER, wide, all_classes='names.txt', classes=['class 7', 'class 0'])
    assert loaded(dataset)[0, ::12].tolist() == [1, 0, 65535, 65535, 65535]


def test_another_order_of_the_ids_on_another_split(wide, tmp_path):
    other = write_folder(tmp_path / 'other', ['b', 'c', 'a'], downloads.ids([0, 1, 2], np.uint16))
    root = write_folder(tmp_path / 'own', ['a', 'b', 'c'], downloads.ids([0, 1, 2], np.uint16))
    options = {'val_dataloader.dataset.data_root': str(other)}
    assert loaded(built(FOLDER, root, 'train', **options))[0, [0, 25, 50]].tolist() == [0, 1, 2]
    assert loaded(built(FOLDER, root, 'val', **options))[0, [0, 25, 50]].tolist() == [1, 2, 0]
    with pytest.raises(UserError, match="no class 'class 0'"):
        load_config(FOLDER, {'data_root': str(wide), **options})


def test_a_strange_id_is_still_found(tmp_path):
    ids = downloads.ids([0, 1, 5], np.uint16)
    root = write_folder(tmp_path / 'own', ['a', 'b', 'c'], ids)
    with pytest.raises(UserError, match='label id 5'):
        verify_labels(built(FOLDER, root, classes=['c', 'b']))


def test_an_ignored_id_that_is_a_class(wide):
    with pytest.raises(UserError, match="is the id of the class 'class 255'.*ignore_index=65535"):
        built(FOLDER, wide, classes=WIDE[:3], ignore_index=255)


def test_what_would_rename_or_not_ignore_is_refused(tmp_path):
    config = CONFIGS / 'icpc_rn50_fpn_80k_voc-512.py'
    splits = ('train', 'val')
    other = {f'{s}_dataloader.dataset.ignore_index': 254 for s in splits}
    load_config(config, other)
    with pytest.raises(UserError, match='ignore_index=254: the classes of PascalVOCDataset that'):
        load_config(config, {**other, 'classes': ['cat', 'dog']})
    named = {f'{s}_dataloader.dataset.metainfo': dict(classes=['a', 'b', 'c']) for s in splits}
    named['dataset_type'] = 'BaseSegDataset'
    assert load_config(config, named).class_names == ['a', 'b', 'c']
    with pytest.raises(UserError, match='choosing would rename them; take FolderDataset'):
        load_config(config, {**named, 'classes': ['c', 'b']})


def test_first_pictures_and_a_choice_do_not_interfere(tmp_path):
    names = ['a', 'b', 'c']
    root = write_folder(tmp_path / 'own', names, downloads.ids([0, 1, 2], np.uint16))
    more = downloads.encoded(downloads.ids([2, 0], np.uint16))
    downloads.write(root, {'images/training/1.jpg': downloads.picture()})
    downloads.write(root, {'annotations/training/1.png': more})
    dataset = built(FOLDER, root, 'train', classes=['c', 'a'], train_images=1)
    assert len(dataset) == 1
    assert set(np.unique(loaded(dataset))) == {0, 1, 65535}
    indices = {'train_dataloader.dataset.indices': [1]}
    dataset = built(FOLDER, root, 'train', classes=['c', 'a'], **indices)
    assert loaded(dataset)[0, [0, 50]].tolist() == [0, 1]


def test_held_out_classes_are_among_the_chosen(wide):
    options = {'data_root': str(wide), 'classes': ['class 299', 'class 0', 'class 7']}
    cfg = load_config(FOLDER, {**options, 'held_out_classes': ['class 7']})
    assert cfg.model.held_out_classes == ['class 7']
    assert cfg.model.class_names == ['class 299', 'class 0', 'class 7']


def test_verification_tells_classes_that_were_not_chosen(wide, tmp_path, capsys):
    options = {'data_root': str(wide), 'classes': ['class 299', 'class 7', 'class 8']}
    verify(str(FOLDER), options, str(tmp_path / 'out'), sample=None)
    text = ' '.join(capsys.readouterr().out.split())
    assert 'note: training: 1 classes never occur: class 8' in text
    rows = (tmp_path / 'out' / 'label_ids.csv').read_text()
    assert '\n255,"class 255 (not chosen)",' in rows
    assert '\n299,"class 299",' in rows
    assert '\n65535,"ignored",' in rows
    with pytest.raises(UserError, match='problems in the data'):
        verify(str(FOLDER), {**options, 'classes': WIDE[1:3]}, str(tmp_path / 'out'))
    assert 'none of the chosen classes is in the masks' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('config', 'chosen', 'ids'),
    [
        (FOLDER, ['class 299', 'class 255', 'class 3'], [299, 255, 3]),
        (CONFIGS / 'icpc_rn50_fpn_80k_ade20k-512.py', ['bed', 'wall', 'sky'], [8, 1, 3]),
    ],
)
def test_saved_predictions_hold_the_ids_of_the_files(wide, tmp_path, config, chosen, ids):
    """Predictions of the chosen classes, written, and read again as if they were masks."""
    cfg = load_config(config, {'data_root': str(wide), 'classes': chosen})
    dataset = build({**cfg.test_dataloader.dataset, 'serialize_data': False})
    predicted = torch.tensor([[0, 1, 2], [2, 2, 0]])
    path = f'{wide}/images/validation/town/0.jpg'
    output = SimpleNamespace(
        img_path=path, pred_sem_seg=SimpleNamespace(data=predicted[None]), metainfo={}
    )
    hook = SavePredictionsHook(out=str(tmp_path / 'saved'))
    hook.after_test_iter(
        SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset)), 0, outputs=[output]
    )
    saved = tmp_path / 'saved' / 'town' / '0.png'
    assert np.array_equal(np.array(Image.open(saved)), np.array(ids)[predicted.numpy()])
    info = dict(dataset.get_data_info(0), seg_map_path=str(saved))
    load = next(s for s in dataset.pipeline.transforms if hasattr(s, 'with_seg'))
    assert np.array_equal(load(info)['gt_seg_map'], predicted.numpy())


def test_colours_of_ones_own(wide):
    palette = [[i % 256, i // 256, 9] for i in range(300)]
    metainfo = dict(classes=['class 299', 'class 1'], palette=palette)
    dataset = FolderDataset(
        data_root=str(wide), metainfo=metainfo, data_prefix=dict(img_path='images/training')
    )
    assert dataset.metainfo['palette'] == [[43, 1, 9], [1, 0, 9]]
    with pytest.raises(UserError, match='palette has 2 colours; give one for each of the 300'):
        FolderDataset(data_root=str(wide), metainfo={**metainfo, 'palette': palette[:2]})


def test_ade20ks_list_is_not_renamed_by_its_own_space():
    cfg = load_config(
        CONFIGS / 'icpc_rn50_fpn_80k_ade20k-512.py',
        {'classes': [name.strip() for name in ADE20KDataset.METAINFO['classes']]},
    )
    chosen = cfg.train_dataloader.dataset.metainfo.classes
    assert ADE20KDataset.get_label_map(chosen) is None

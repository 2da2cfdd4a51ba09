from pathlib import Path

import pytest

from icpc.config.load import load_config
from icpc.run_dir.fingerprints import (
    code_fingerprint,
    data_fingerprint,
    weights_fingerprint,
)


@pytest.fixture
def package(tmp_path):
    def write(source, name='model.py'):
        path = tmp_path / 'package' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return code_fingerprint(tmp_path / 'package')

    return write


_SOURCE = 'def f(x):\n    """Doc."""\n    return x + 1\n'


@pytest.mark.parametrize(
    'same',
    [
        'def f(x):\n    """Other words."""\n    return x + 1  # why\n',
        '# A comment.\ndef f(x):\n\n    return (x + 1)\n',
    ],
)
def test_comments_docstrings_and_format_do_not_count(package, same):
    assert package(_SOURCE) == package(same)


def test_code_counts(package):
    first = package(_SOURCE)
    assert package(_SOURCE.replace('+ 1', '+ 2')) != first
    assert package(_SOURCE) == first
    assert package('', 'experiments/report.py') == first
    assert package('', 'console/progress.py') == first
    assert package('', 'necks/new.py') != first


def test_data_hash_sees_contents_names_and_splits(toy_config):
    root = Path(load_config(toy_config).data_root)

    def fingerprints():
        cfg = load_config(toy_config)
        loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
        return [data_fingerprint(loader.dataset) for loader in loaders]

    before = fingerprints()
    assert len(set(before)) == 3
    mask = root / 'annotations/test/000.png'
    content = mask.read_bytes()
    mask.write_bytes(content[:-1] + b'!')
    assert [a == b for a, b in zip(before, fingerprints(), strict=True)] == [True, True, False]
    mask.write_bytes(content)
    assert fingerprints() == before
    mask.rename(mask.with_name('999.png'))
    assert fingerprints()[2] != before[2]


def test_missing_data_has_no_hash(tmp_path):
    dataset = dict(data_root=str(tmp_path), data_prefix=dict(img_path='nothing'))
    assert data_fingerprint(dataset) is None


def test_weights_hash_is_that_of_the_files(tmp_path):
    file = tmp_path / 'w.safetensors'
    file.write_bytes(b'1')
    as_folder = weights_fingerprint(dict(clip=dict(model=str(tmp_path), pretrained='auto')))
    as_file = weights_fingerprint(dict(clip=dict(model='RN50', pretrained=str(file))))
    assert as_folder == as_file
    file.write_bytes(b'2')
    assert weights_fingerprint(dict(clip=dict(model=str(tmp_path)))) != as_folder
    assert weights_fingerprint(dict(clip=dict(model='RN50', pretrained='openai'))) is None
    assert weights_fingerprint(dict(clip=dict(model={'embed_dim': 3}))) is None


def test_the_checkpoint_that_a_run_starts_from_counts_by_its_content(tmp_path):
    clip = dict(clip=dict(model='RN50', pretrained=str(tmp_path / 'w.safetensors')))
    (tmp_path / 'w.safetensors').write_bytes(b'1')
    starts = {name: tmp_path / name for name in ('a.pth', 'b.pth', 'copy_of_a.pth')}
    for name, path in starts.items():
        path.write_bytes(b'b' if name == 'b.pth' else b'a')
    found = {name: weights_fingerprint(clip, str(path)) for name, path in starts.items()}
    assert found['a.pth'] == found['copy_of_a.pth'] != found['b.pth']
    assert found['a.pth'].startswith(f'{weights_fingerprint(clip)}+')
    assert weights_fingerprint({}, str(starts['a.pth'])) == f'+{found["a.pth"].split("+")[1]}'


def test_data_hash_sees_the_tags(toy_config):
    dataset = load_config(toy_config).train_dataloader.dataset.to_dict()
    path = Path(dataset['data_root']) / 'tags.csv'
    tagged = {**dataset, 'tags': str(path)}
    assert data_fingerprint(tagged) == data_fingerprint(dataset)  # not written yet
    path.write_text('one,cat\n')
    first = data_fingerprint(tagged)
    path.write_text('one,dog\n')
    assert len({first, data_fingerprint(tagged), data_fingerprint(dataset)}) == 3


@pytest.mark.parametrize('key', ['tags', 'ann_file'])
def test_where_a_list_outside_stands_does_not_count(toy_config, tmp_path, key):
    dataset = load_config(toy_config).train_dataloader.dataset.to_dict()
    root = Path(dataset['data_root']).resolve()
    found = set()
    for place in (tmp_path / 'a', tmp_path / 'z', root.parent / '0', root.parent / 'zz'):
        place.mkdir(exist_ok=True)
        (place / 'list.txt').write_text('one\n')
        found.add(data_fingerprint({**dataset, key: str(place / 'list.txt')}))
    assert len(found) == 1


def test_weights_hash_sees_the_teacher(tmp_path):
    (tmp_path / 'clip.pt').write_bytes(b'one')
    teacher = dict(model='RN50', pretrained=str(tmp_path / 'clip.pt'))
    first = weights_fingerprint(dict(teacher=teacher))
    (tmp_path / 'clip.pt').write_bytes(b'two')
    assert None not in (first, weights_fingerprint(dict(teacher=teacher)))
    assert first != weights_fingerprint(dict(teacher=teacher))

"""--download against a server on loopback: whole, resumed, refused; then as with --source."""

import errno
import hashlib
import importlib.util
import io
import os
import shutil
import socket
import tarfile
from pathlib import Path
from types import SimpleNamespace

import downloads
import numpy as np
import pytest
from file_server import FileServer, serving

from icpc.cli.prepare_data import DATASETS
from icpc.datasets.downloads import fetching, transfer
from icpc.datasets.downloads.offers import ELSEWHERE, OFFERS, File, Offer
from icpc.errors import UserError

TOOL = Path(__file__).parents[3] / 'tools' / 'prepare_data.py'
SPEC = importlib.util.spec_from_file_location('prepare_data', TOOL)
prepare_data = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prepare_data)

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
MD5 = f'md5:{hashlib.md5(CONTENT).hexdigest()}'  # noqa: S324


@pytest.fixture(name='server')
def fixture_server(monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.setattr(transfer, '_CHUNK', 10_000)
    with serving() as server:
        server.files['a.bin'] = CONTENT
        yield server


def get(server: FileServer, folder: Path, checksum: str | None = MD5) -> bytes:
    file = File(server.url('a.bin'), '300 kB', checksum)
    path = transfer.fetch(file, folder, 'http://page', lambda done, total: None)
    assert sorted(p.name for p in folder.iterdir()) == ['a.bin']
    return path.read_bytes()


def refused(message: str):
    return pytest.raises(UserError, match=message)


def begun(server: FileServer, folder: Path, size: int = 120_000) -> None:
    """Fetch the first bytes, then lose the connection."""
    server.cut = size
    with refused('broke off after 0.1 of 0.3 MB, which are kept; the same command'):
        get(server, folder)
    assert sorted(p.name for p in folder.iterdir()) == ['.a.bin.part', '.a.bin.part.json']
    assert (folder / '.a.bin.part').read_bytes() == CONTENT[:size]
    server.cut = None
    server.asked.clear()


def test_whole_then_not_fetched_again(server, tmp_path):
    assert get(server, tmp_path) == CONTENT
    assert get(server, tmp_path) == CONTENT
    assert server.asked == [('a.bin', None)]


def test_progress_is_told_to_the_last_byte(server, tmp_path):
    seen = []
    file = File(server.url('a.bin'), '', MD5)
    transfer.fetch(file, tmp_path, '', lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 300_000)
    assert seen[-1] == (300_000, 300_000)


@pytest.mark.parametrize('etags', [True, False])
def test_a_cut_transfer_goes_on_where_it_broke_off(server, tmp_path, etags):
    server.etags = etags
    begun(server, tmp_path)
    assert get(server, tmp_path) == CONTENT
    assert server.asked == [('a.bin', 'bytes=120000-')]


def test_cut_twice(server, tmp_path):
    begun(server, tmp_path)
    server.cut = 50_000
    with refused('after 0.2 of 0.3 MB'):
        get(server, tmp_path)
    server.cut = None
    assert get(server, tmp_path) == CONTENT
    assert server.asked[-1] == ('a.bin', 'bytes=170000-')


def test_a_server_without_ranges_starts_again(server, tmp_path):
    begun(server, tmp_path)
    server.ranges = False
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize('heeds', [True, False])
@pytest.mark.parametrize('other', [OTHER, OTHER[:100_000], OTHER + OTHER])
def test_another_edition_starts_again(server, tmp_path, heeds, other):
    begun(server, tmp_path)
    server.files['a.bin'], server.heeds_if_range = other, heeds
    assert get(server, tmp_path, None) == other
    assert len(server.asked) == 1 or not heeds  # one who heeds If-Range sends it at once


def test_another_address_starts_again(server, tmp_path):
    begun(server, tmp_path)
    note = tmp_path / '.a.bin.part.json'
    note.write_text(note.read_text().replace('a.bin', 'b.bin'))
    assert get(server, tmp_path) == CONTENT
    assert server.asked == [('a.bin', None)]


@pytest.mark.parametrize('note', ['', '[]', '{"url'])
def test_a_damaged_note_starts_again(server, tmp_path, note):
    begun(server, tmp_path)
    (tmp_path / '.a.bin.part.json').write_text(note)
    assert get(server, tmp_path) == CONTENT


def test_stopped_between_the_last_byte_and_the_name(server, tmp_path):
    begun(server, tmp_path)
    (tmp_path / '.a.bin.part').write_bytes(CONTENT)
    assert get(server, tmp_path) == CONTENT
    assert server.asked == []


def test_more_than_there_is_starts_again(server, tmp_path):
    begun(server, tmp_path)
    (tmp_path / '.a.bin.part').write_bytes(CONTENT + b'more')
    assert get(server, tmp_path) == CONTENT


def test_wrong_checksum_removes_what_came(server, tmp_path):
    with refused('a.bin: is not the file of http.*its md5 is .*, expected 00; .*removed; run'):
        get(server, tmp_path, 'md5:00')
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_before_and_is_another_stays(server, tmp_path):
    (tmp_path / 'a.bin').write_bytes(OTHER)
    with refused('move it away and run the command again'):
        get(server, tmp_path)
    assert (tmp_path / 'a.bin').read_bytes() == OTHER


@pytest.mark.parametrize('lengths', [True, False])
def test_a_zip_without_checksum_must_be_a_whole_zip(server, tmp_path, lengths):
    server.lengths, server.files['a.zip'] = lengths, CONTENT
    with refused('it is no whole zip archive .300000 bytes.*removed'):
        transfer.fetch(File(server.url('a.zip'), ''), tmp_path, '', lambda done, total: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('status', 'message'),
    [
        (
            404,
            'answered with status 404; the publisher has moved it; look for a.bin on http://page',
        ),
        (410, 'the publisher has moved it'),
        (403, 'does not give it to you; try later, or get a.bin yourself .http://page.'),
        (407, 'the proxy wants a name and a password'),
        (416, 'status 416'),
        (500, 'the server has a difficulty; try later, or get a.bin yourself'),
        (503, 'the server has a difficulty'),
    ],
)
def test_an_answer_that_is_not_the_file_keeps_what_has_come(server, tmp_path, status, message):
    begun(server, tmp_path)
    server.status = status
    with refused(message):
        get(server, tmp_path)
    assert (tmp_path / '.a.bin.part').read_bytes() == CONTENT[:120_000]


def test_a_sign_in_page_keeps_what_has_come(server, tmp_path):
    begun(server, tmp_path)
    server.kind, server.ranges = 'text/html', False
    with refused('a web page was sent instead of the archive; does the network want a sign-in'):
        get(server, tmp_path)
    assert (tmp_path / '.a.bin.part').read_bytes() == CONTENT[:120_000]


def test_connection_refused(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    with serving() as server:
        pass
    with refused('no answer .*Connection refused.*; is there a network'):
        get(server, tmp_path)


def test_unknown_host(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', unknown)
    file = File('http://nowhere.invalid/a.bin', '')
    with refused('nowhere.invalid is not known here; is there a network'):
        transfer.fetch(file, tmp_path, '', lambda done, total: None)


def test_a_proxy_is_named_without_its_password(server, tmp_path, monkeypatch):
    address = server.url('').removeprefix('http://').strip('/')
    monkeypatch.delenv('no_proxy')
    monkeypatch.delenv('NO_PROXY', raising=False)
    monkeypatch.setenv('http_proxy', f'http://me:secret@{address}')
    server.status = 403
    with refused(rf'403 \(asked through the proxy {address} of http_proxy\)') as caught:
        transfer.fetch(File('http://x.invalid/a.bin', ''), tmp_path, '', lambda done, total: None)
    assert 'secret' not in str(caught.value)


def test_it_would_not_fit(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: SimpleNamespace(free=200_000))
    with refused('0.3 MB are still to come, 0.2 MB are free; make room'):
        get(server, tmp_path)
    begun_size = (tmp_path / '.a.bin.part').stat().st_size
    assert begun_size == 0


def test_the_disk_fills_up_then_it_goes_on(server, tmp_path, monkeypatch):
    real, reads = transfer._read, []

    def full(*arguments):
        reads.append(1)
        if len(reads) > 5:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return real(*arguments)

    monkeypatch.setattr(transfer, '_read', full)
    with refused('cannot be written, the disk is full; what has come is kept; make room'):
        get(server, tmp_path)
    monkeypatch.setattr(transfer, '_read', real)
    assert not (tmp_path / 'a.bin').exists()
    assert get(server, tmp_path) == CONTENT
    assert server.asked[-1] == ('a.bin', 'bytes=50000-')


def test_two_at_once(server, tmp_path):
    with (tmp_path / '.a.bin.part').open('ab') as stream:
        transfer.fcntl.flock(stream, transfer.fcntl.LOCK_EX)
        with refused('another process is fetching it'):
            get(server, tmp_path)


def tarred(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def archives(dataset: str, tmp_path: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files of a dataset, and the archives in which its publisher would offer them."""

    def packed(files: dict[str, bytes]) -> bytes:
        return downloads.zipped(tmp_path / 'packing.zip', files).read_bytes()

    names = [file.name for file in OFFERS[dataset].files]
    if dataset == 'ade20k':
        files = downloads.ade20k()
        return files, {names[0]: packed(files)}
    if dataset == 'coco-stuff10k':
        files = downloads.coco_stuff10k()
        return files, {names[0]: packed(files)}
    if dataset == 'coco-stuff164k':
        files, top = downloads.coco_stuff164k(), 'stuffthingmaps_trainval2017/'
        masks = {k.removeprefix(top): v for k, v in files.items() if k.startswith(top)}
        pictures = {
            s: {k: v for k, v in files.items() if k.startswith(s)} for s in ('train', 'val')
        }
        parts = [masks, pictures['val'], pictures['train']]
        return files, {name: packed(part) for name, part in zip(names, parts, strict=True)}
    if dataset == 'coco2014':
        files, tops = downloads.coco2014(), ('annotations', 'val2014', 'train2014')
        parts = [{k: v for k, v in files.items() if k.startswith(top)} for top in tops]
        return files, {name: packed(part) for name, part in zip(names, parts, strict=True)}
    files = downloads.voc()
    sbd = {k: v for k, v in files.items() if k.startswith('benchmark')}
    rest = {k: v for k, v in files.items() if k not in sbd}
    return files, {names[0]: tarred(sbd, 'w:gz'), names[1]: tarred(rest, 'w')}


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}


@pytest.mark.parametrize('dataset', OFFERS)
def test_downloaded_is_as_given(server, tmp_path, monkeypatch, capsys, dataset):
    files, served = archives(dataset, tmp_path)
    server.files = served
    moved = tuple(
        File(server.url(f.name), f.size, f'sha1:{hashlib.sha1(served[f.name]).hexdigest()}')  # noqa: S324
        for f in OFFERS[dataset].files
    )
    offer = Offer(moved, OFFERS[dataset].licence, OFFERS[dataset].page)
    monkeypatch.setitem(fetching.OFFERS, dataset, offer)
    source, out = downloads.write(tmp_path / 'folder', files), tmp_path / 'data'
    one = ['--workers', '1']
    given = [dataset, '--source', str(source), '--out', str(tmp_path / 'given'), *one]
    assert prepare_data.main(given) == 0
    fetched = [dataset, '--download', '--out', str(out / 'x'), *one]
    assert prepare_data.main(fetched) == 0
    assert tree(out / 'x') == tree(tmp_path / 'given')
    said = capsys.readouterr().out
    assert offer.licence in said
    assert all(file.size in said for file in offer.files)
    asked = len(server.asked)
    assert asked == len(moved)
    assert prepare_data.main(fetched) == 0
    assert len(server.asked) == asked
    kept = {f.name.replace('.tgz', '.tar') for f in moved}
    assert {p.name for p in (out / 'downloads' / dataset).iterdir()} == kept


@pytest.mark.parametrize('dataset', ['ade20k-full', 'pascal-context59', 'cityscapes', 'camvid'])
def test_the_others_name_the_page(tmp_path, capsys, dataset):
    assert prepare_data.main([dataset, '--download', '--out', str(tmp_path / 'x')]) == 2
    error = capsys.readouterr().err
    assert 'https://' in error
    assert ELSEWHERE[dataset] in error
    assert list(tmp_path.iterdir()) == []


def test_an_own_folder_is_not_downloaded(tmp_path, capsys):
    arguments = ['folder', '--download', '--names', 'n.txt', '--out', str(tmp_path / 'x')]
    assert prepare_data.main(arguments) == 2
    assert 'your own pictures are on no page' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--source', 'a', '--keep', 'b', '--out', 'x'], '--keep is the folder of --download'),
        (['--download', '--keep', 'x', '--out', 'x'], 'lies in --out x'),
        (['--download', '--keep', 'x', '--out', 'x/ade20k/y'], 'lies in --download to x/ade20k'),
        (['--download', '--out', 'x', '--workers', '0'], '--workers must be at least 1'),
        (['--download', '--keep', 'file', '--out', 'x'], 'give another --keep'),
    ],
)
def test_options_that_do_not_fit(tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').write_bytes(b'')
    assert prepare_data.main(['ade20k', *more]) == 2
    assert message in capsys.readouterr().err
    assert os.listdir() == ['file']


def test_every_data_set_is_offered_or_elsewhere():
    assert set(OFFERS) | set(ELSEWHERE) == set(DATASETS) - {'scenes'}
    assert not set(OFFERS) & set(ELSEWHERE)

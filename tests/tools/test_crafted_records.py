"""Configs, folders of CLIPs, archives and records from elsewhere run nothing and lead nowhere.

A row makes its files and gives a command and its exit code: 0 where the tool goes on without them.
"""

import io
import json
import pickle
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import crafted_files
import downloads
import pytest
import torch
from tool_calls import call_tool
from toy_run import CONFIGS, write_config

from icpc.commands.train import train

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
DEMO = CONFIGS / 'icpc' / 'icpc_tiny_fpn_1k_scenes-128.py'
ROWS: dict[str, tuple[int, Callable]] = {}


def row(code: int) -> Callable:
    """Adds a function as a row of the table."""

    def add(make: Callable) -> Callable:
        ROWS[make.__name__] = code, make
        return make

    return add


def rows(code: int, **cases: object) -> Callable:
    """Adds a function as a row for each case, which it gets as its last argument."""

    def add(make: Callable) -> Callable:
        for name, case in cases.items():
            ROWS[f'{make.__name__}, {name}'] = (
                code,
                lambda place, trace, toy, case=case: make(place, trace, toy, case),
            )
        return make

    return add


@pytest.fixture(scope='module')
def toy(tmp_path_factory) -> Path:
    """A folder with the toy's config and a finished run of it."""
    home = tmp_path_factory.mktemp('toy')
    quick = {'max_iters': 2, 'val_interval': 1}
    train(str(write_config(home, low=0)), quick, str(home / 'run'))
    return home


@rows(
    2,
    yaml=lambda trace: f'x: !!python/object/apply:os.mkdir [{str(trace)!r}]',
    json=lambda trace: '[' * 20_000,
    pkl=lambda trace: pickle.dumps(crafted_files.Crafted(trace)),
)
def config(place, trace, toy, make):
    """As the config, and as its base."""
    text = make(trace)
    kind = {'!': 'yaml', '[': 'json'}.get(text[3:4] if text[0] == 'x' else text[:1], 'pkl')
    path = place / f'x.{kind}'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (place / 'x.py').write_text(f"_base_ = ['./{path.name}']\n")
    assert call_tool(TOOLS / 'complexity.py', str(path)).returncode == 2
    return ['train', place / 'x.py', '--work-dir', place / 'out']


@rows(2, package='mmseg::x.py', web='https://localhost:9/x.py', file='file:///etc/passwd')
def base(place, trace, toy, base):
    (place / 'x.py').write_text(f'_base_ = [{base!r}]\n')
    return ['verify_data', place / 'x.py', '--out', place / 'out']


POPEN = "dict(type='subprocess.Popen', args=['touch', {trace!r}])"
TOUCH = "dict(type='pathlib.Path.touch', self={trace!r})"


@rows(
    2,
    hook=f'custom_hooks=[{POPEN}]',
    own_hook=f'default_hooks.mine={POPEN}',
    backbone=f'model.backbone={POPEN}',
    model='model.type=os.system',
    optimizer=f'optim_wrapper.optimizer={POPEN}',
    constructor='optim_wrapper.constructor=os.system',
    schedule=f'param_scheduler=[{POPEN}]',
    step=f'train_pipeline.RandomFlip={POPEN}',
    dataset=f'train_dataloader.dataset={POPEN}',
    sampler=f'train_dataloader.sampler={POPEN}',
    collate=f'train_dataloader.collate_fn={POPEN}',
    metric=f'val_evaluator={POPEN}',
    loop=f'train_cfg={POPEN}',
    visualizer=f'visualizer={POPEN}',
    log=f'log_processor={POPEN}',
    norm=f'model.decode_head.norm_cfg={TOUCH}',
    loss=f'model.decode_head.loss_decode={TOUCH}',
    init=f'model.init_cfg={TOUCH}',
    inits=f'model.decode_head.init_cfg=[{TOUCH}]',
    act=f'model.decode_head.act_cfg={TOUCH}',
    batch=f'model.data_preprocessor.batch_augments=[{TOUCH}]',
    worker=f'train_dataloader.worker_init_fn={TOUCH}',
    wrapper=f'model_wrapper_cfg={TOUCH}',
    strategy=f'strategy={TOUCH}',
    runner='runner_type=pathlib.Path',
    value="lr=${{__import__('os').mkdir({trace!r})}}",
    value_of_a_type='lr=${{lr.__class__.__base__.__subclasses__()}}',
)
def override(place, trace, toy, words):
    """In all that take one."""
    given = ['--cfg-options', words.format(trace=str(trace))]
    if 'train_dataloader' in words or 'lr=' in words:
        assert call_tool(TOOLS / 'verify_data.py', str(toy / 'toy.py'), *given).returncode == 2
    if 'model' in words:
        path = [str(toy / 'toy.py'), str(toy / 'run' / 'iter_2.pth')]
        assert call_tool(TOOLS / 'test.py', *path, *given).returncode == 2
    return ['train', toy / 'toy.py', '--work-dir', place / 'out', *given]


@row(0)
def config_within_a_checkpoint(place, trace, toy):
    """It is not read: the config is the one that was given."""
    checkpoint = torch.load(toy / 'run' / 'iter_2.pth', weights_only=True)
    program = f"open({str(trace)!r}, 'w')"
    checkpoint['meta'] |= {'cfg': program, 'config': program, 'hooks': {'type': 'os.system'}}
    torch.save(checkpoint, place / 'x.pth')
    words = [toy / 'toy.py', place / 'x.pth', '--work-dir', place / 'out']
    return ['test', *words]


@row(0)
def checkpoint_of_another_folder(place, trace, toy):
    """A pointer that leads out of the work dir, to a pickle: that of the run is taken."""
    shutil.copytree(toy / 'run', place / 'out')
    crafted_files.pickled(place / 'iter_9.pth', trace)
    (place / 'out' / 'last_checkpoint').write_text('../iter_9.pth')
    return ['train', toy / 'toy.py', '--work-dir', place / 'out', '--resume']


SIZES = dict(embed_dim=8, text_cfg=dict(width=8, heads=1, layers=1, context_length=8))


@rows(
    2,
    download=lambda place: dict(timm_model_name='hf-hub:nobody/nothing'),
    folder=lambda place: dict(timm_model_name=f'local-dir:{place}/timm', timm_pool='avg'),
    depth=lambda place: dict(layers=10**9, width=8, image_size=32, patch_size=16),
    size=lambda place: dict(layers=1, width=10**12, image_size=32, patch_size=16),
    nothing=lambda place: None,
)
def clip(place, trace, toy, vision):
    """A tower that timm would fetch and unpickle, and towers that fill the machine."""
    (place / 'timm').mkdir()
    (place / 'timm' / 'config.json').write_text('{"architecture": "resnet18", "num_classes": 0}')
    crafted_files.pickled(place / 'timm' / 'pytorch_model.bin', trace)
    tower = vision(place) and {**vision(place), 'timm_model_pretrained': True}
    if 'layers' in (tower or ()):
        del tower['timm_model_pretrained']
    (place / 'open_clip_config.json').write_text(json.dumps({**SIZES, 'vision_cfg': tower}))
    given = ['--cfg-options', f'model.clip.model={place}', 'model.clip.pretrained=auto']
    assert call_tool(TOOLS / 'complexity.py', str(DEMO), *given).returncode == 2
    return ['pretrain_clip', '--evaluate', place]


@row(2)
def clip_of_a_pickle(place, trace, toy):
    vision = dict(layers=1, width=8, image_size=32, patch_size=16, head_width=8)
    (place / 'open_clip_config.json').write_text(json.dumps({**SIZES, 'vision_cfg': vision}))
    crafted_files.bare_pickle(place / 'open_clip_model.safetensors', trace)
    return ['pretrain_clip', '--evaluate', place]


def tar_of(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, 'w') as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name) if isinstance(content, bytes) else content
            info.size = len(content) if isinstance(content, bytes) else 0
            archive.addfile(info, io.BytesIO(content) if info.size else None)
    return path


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def out_of(*names: str) -> dict[str, bytes]:
    """CamVid, and pairs whose names lead out of the folder."""
    more = {}
    for name in names:
        more[f'CamVid/train/{name}.png'] = downloads.camvid()['CamVid/train/train_0.png']
        more[f'CamVid/trainannot/{name}.png'] = downloads.camvid()['CamVid/trainannot/train_0.png']
    return {**downloads.camvid(), **more}


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes that says it has billions of pixels."""
    head = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    chunks = ((b'IHDR', head), (b'IDAT', zlib.compress(bytes(1000))), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks
    )


@rows(
    2,
    up=('camvid', lambda: out_of('../../marker', '/../../marker', '..')),
    picture=('camvid', lambda: {**downloads.camvid(), 'CamVid/train/train_0.png': bomb()}),
    mask=('camvid', lambda: {**downloads.camvid(), 'CamVid/trainannot/train_0.png': bomb()}),
    matlab=('coco-stuff10k', lambda: downloads.coco_stuff10k() | dict.fromkeys(
        [name for name in downloads.coco_stuff10k() if name.endswith('.mat')],
        crafted_files.matlab_bomb(),
    )),
    listed=('coco-stuff10k', lambda: {
        **downloads.coco_stuff10k(), 'imageLists/train.txt': b'../../marker\n/etc/passwd\n'
    }),
)  # fmt: skip
def archive(place, trace, toy, case):
    dataset, files = case
    downloads.zipped(place / 'x.zip', files())
    return [
        *('prepare_data', dataset, '--source', place / 'x.zip', '--out', place / 'out'),
        *('--workers', 1),
    ]


@row(2)
def archive_with_links(place, trace, toy):
    """Links are no files, so that their pairs are lost."""
    files = {name: data for name, data in downloads.camvid().items() if 'train_0' not in name}
    files['a'] = link('CamVid/train/train_0.png', '../../../../../../etc/passwd')
    files['b'] = link('CamVid/trainannot', str(place))
    files['CamVid/trainannot/train_9.png'] = b'x'
    words = ['--source', tar_of(place / 'x.tar', files), '--out', place / 'out', '--workers', 1]
    return ['prepare_data', 'camvid', *words]


@row(2)
def index_that_is_a_program(place, trace, toy):
    files = downloads.ade20k_full()
    index = next(name for name in files if name.endswith('.pkl'))
    files[index] = pickle.dumps(crafted_files.Crafted(trace))
    words = ['--source', downloads.write(place / 'x', files), '--out', place / 'out']
    return ['prepare_data', 'ade20k-full', *words]


@rows(
    0,
    objects=('confusion.npz', lambda path, trace: crafted_files.objects(path, trace)),
    size=(
        'confusion.npz',
        lambda path, _: crafted_files.npz(path, head=crafted_files.npy(f'({10**12},)', bytes(8))),
    ),
    steps=(
        'metrics.jsonl',
        lambda path, _: path.write_text('{"step": 1' + '0' * 400 + ', "split": "val"}\n'),
    ),
    brackets=('metrics.jsonl', lambda path, _: path.write_text('[' * 20_000)),
    picture=('panel.png', lambda path, _: path.write_bytes(bomb())),
    page=('panel.png', lambda path, _: path.write_text('<svg><script>x</script></svg>')),
    settings=('resolved_config.json', lambda path, _: path.write_text('[' * 20_000)),
)
def record(place, trace, toy, case):
    """It is left out of the report, which is made of what is whole."""
    name, damage = case
    for number in range(2):
        shutil.copytree(toy / 'run', place / str(number))
    path = place / '1' / 'resolved_config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'lr': 1.0}))
    damage(place / '1' / name, trace)
    return ['report', place / '0', place / '1', '--out', place / 'out' / 'report.html']


@row(2)
def record_that_is_a_program(place, trace, toy):
    """What a record calls the command that makes it again is not that command."""
    shutil.copytree(toy / 'run', place / 'out')
    record = json.loads((place / 'out' / 'run.json').read_text())
    record |= {'reproduce': f'touch {trace}', 'batch': {'ranks': f'1; touch {trace}'}}
    (place / 'out' / 'run.json').write_text(json.dumps(record))
    return ['reproduce', place / 'out', '--out', place / 'out' / 'again']


@row(2)
def study_index_that_leads_away(place, trace, toy):
    """To a run that is none."""
    crafted_files.objects(place / 'confusion.npz', trace)
    runs = [{'regime': '', 'row': 'a', 'seed': '0', 'work_dir': '../..'}]
    index = dict(name='../marker', base='', split='test', baseline='a', metrics={}, comparisons={})
    (place / 'out').mkdir()
    (place / 'out' / 'study.json').write_text(json.dumps({**index, 'runs': runs}))
    return ['report', place / 'out']


@rows(
    2,
    objects=crafted_files.objects,
    size=lambda path, _: crafted_files.npz(path, x=crafted_files.npy(f'({10**12},)', bytes(8))),
    bomb=lambda path, _: crafted_files.npz(
        path, packed=True, x=crafted_files.npy(f'({10**7},)', bytes(80_000_000))
    ),
)
def values(place, trace, toy, make):
    return ['check_reference', make(place / 'x.npz', trace)]


def files_beside(out: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in out.parent.rglob('*')
        if path.is_file() and not path.is_relative_to(out)
    }


SLOW = {'archive, matlab'}  # 300 megabytes are unpacked before it is refused
MARKED = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in ROWS]


@pytest.mark.parametrize('name', MARKED)
def test_nothing_is_run_and_nothing_written_elsewhere(name, toy, tmp_path, monkeypatch):
    code, make = ROWS[name]
    place, trace = tmp_path / 'place', tmp_path / 'marker'
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    tool, *words = make(place, trace, toy)
    before = files_beside(place / 'out')
    done = call_tool(TOOLS / f'{tool}.py', *map(str, words))
    printed = done.stdout + done.stderr
    assert done.returncode == code, printed
    assert 'Traceback' not in printed
    assert done.stderr.count('error: ') == (code == 2), printed
    assert files_beside(place / 'out') == before
    assert [path.name for path in tmp_path.iterdir()] == ['place']

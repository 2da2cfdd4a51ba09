"""To and from a stand-in of the Hub: models, CLIP towers, and what goes wrong."""

import json
import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hub_server import TOKEN, Hub, serving
from huggingface_hub import ModelCard, constants
from safetensors.torch import save
from tiny_clips import TINY_VIT
from torch import nn

import icpc
from icpc.cli.main import main
from icpc.clip.loading import CONFIG_FILE, fault_of_clip, load_clip
from icpc.clip.pixels import clip_pixels
from icpc.errors import UserError
from icpc.experiments.publish import FILES, publish

pytestmark = pytest.mark.xdist_group('inference')  # one run for all


@pytest.fixture(scope='module')
def published(run, tmp_path_factory):
    return publish(run.folder, tmp_path_factory.mktemp('published') / 'model')


@pytest.fixture(scope='module')
def server(published):
    with serving({'org/name': published}) as hub:
        yield hub


@pytest.fixture
def hub(server: Hub, tmp_path, monkeypatch) -> Hub:
    """The server, as HF_ENDPOINT would name it, with an empty cache and no token."""
    template = server.address + '/{repo_id}/resolve/{revision}/{filename}'
    for name, value in {
        'ENDPOINT': server.address,
        'HUGGINGFACE_CO_URL_TEMPLATE': template,
        'HF_HUB_CACHE': str(tmp_path / 'cache'),
        'HF_TOKEN_PATH': str(tmp_path / 'token'),
        'HF_HUB_OFFLINE': False,
        'HF_HUB_DISABLE_XET': True,
        'HF_HUB_DISABLE_PROGRESS_BARS': True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    for name in ('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    server.lost.clear()
    return server


def check(source, run):
    predictor = icpc.load_model(source, 'cpu')
    found = predictor.predict(run.pictures[:2])
    for prediction, labels in zip(found, run.labels['whole'], strict=False):
        np.testing.assert_array_equal(prediction.labels, labels)
    return predictor


def test_a_model_of_the_hub_and_of_its_cache(hub, run, monkeypatch):
    check('hf-hub:org/name', run)
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    check('hf-hub:org/name', run)
    with pytest.raises(UserError, match='HF_HUB_OFFLINE is set.*downloaded folder'):
        icpc.load_model('hf-hub:org/third')


def test_without_the_hub_the_cache_is_taken(hub, run, monkeypatch):
    check('hf-hub:org/name', run)
    monkeypatch.setattr(constants, 'ENDPOINT', 'http://127.0.0.1:9')  # nobody answers there
    check('hf-hub:org/name', run)
    with pytest.raises(UserError, match=r'cannot be downloaded \(.*connect, or give'):
        icpc.load_model('hf-hub:org/third')


def test_a_revision(hub, run, published):
    files = {file: (published / file).read_bytes() for file in FILES}
    first = hub.put('org/two', files)
    hub.put('org/two', {**files, 'config.py': b'seed = 3\n'})
    check(f'hf-hub:org/two@{first}', run)
    for source in ('hf-hub:org/two', 'hf-hub:org/two@main'):
        with pytest.raises(UserError, match='it has no model'):
            icpc.load_model(source)
    with pytest.raises(UserError, match='no such revision.*/org/two/commits/main'):
        icpc.load_model('hf-hub:org/two@v9')


def test_what_is_no_model_of_ours_or_not_there(hub):
    hub.put('org/other', {'README.md': b'x', 'config.json': b'{}'})
    for source, message in {
        'hf-hub:org/other': 'model.safetensors and config.py is not in it.*model.clip.model',
        'hf-hub:org/nothing': 'the Hub knows no such model, or you have no access',
        'hf-hub:a/b/c': 'expected hf-hub:org/name or hf-hub:org/name@revision',
        'hf-hub:': 'expected hf-hub:org/name',
    }.items():
        with pytest.raises(UserError, match=message):
            icpc.load_model(source)


def test_a_download_that_broke_off_goes_on(hub, run, monkeypatch):
    hub.lost.add('model.safetensors')
    with monkeypatch.context() as patch:
        patch.setattr(time, 'sleep', lambda _: None)  # between the client's trials
        with pytest.raises(UserError, match='hf-hub:org/name: it .*cannot be downloaded'):
            icpc.load_model('hf-hub:org/name')
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    with pytest.raises(UserError, match='not wholly.*HF_HUB_OFFLINE is set'):
        icpc.load_model('hf-hub:org/name')
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    hub.lost.clear()
    check('hf-hub:org/name', run)


def test_push_makes_a_private_model_and_a_commit(hub, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    for number, options in enumerate((['--private'], [])):
        out = tmp_path / f'out{number}'
        words = ['publish', str(run.folder), '--out', str(out), '--push', 'org/new', *options]
        assert main(words) == 0
        assert f'pushed to {hub.address}/org/new' in capsys.readouterr().out
    assert hub.models['org/new']['main'] == {f: (out / f).read_bytes() for f in FILES}
    assert 'org/new' in hub.private
    check('hf-hub:org/new', run)
    monkeypatch.delenv('HF_TOKEN')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'of another user'))
    with pytest.raises(UserError, match='or you have no access'):
        icpc.load_model('hf-hub:org/new')


def test_what_the_hub_reads_of_a_folder(published):
    data = ModelCard((published / 'README.md').read_text()).data.to_dict()
    assert data['library_name'] == 'icpc'
    (entry,) = data['model-index']
    (result,) = entry['results']
    assert result['dataset'] == {'name': 'Toy', 'type': 'toy'}
    assert result['metrics'][0]['type'] == 'mean_iou'
    assert f'| test | mIoU | {result["metrics"][0]["value"]:.2f} |' in (
        (published / 'README.md').read_text()
    )
    about = json.loads((published / 'config.json').read_text())
    assert about['id2label'] == {'0': 'red', '1': 'green', '2': 'blue'}
    assert about['architectures'] == ['CLIPSegmentor']


def refused_push(run, out, repository, private=False) -> str:
    with pytest.raises(UserError) as error:
        publish(run.folder, out, repository=repository, private=private)
    return str(error.value)


def test_a_push_that_cannot_be_is_refused_before_it_writes(hub, run, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert 'there is no token; set HF_TOKEN' in refused_push(run, out, 'org/x')
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    assert 'expected org/name, such as your-name/x' in refused_push(run, out, 'x')
    assert 'expected org/name' in refused_push(run, out, 'org/a b')
    assert 'give --push org/name' in refused_push(run, out, None, private=True)
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    assert 'HF_HUB_OFFLINE is set' in refused_push(run, out, 'org/x')
    assert not out.exists()


def test_a_push_that_fails_leaves_the_folder(hub, run, tmp_path, monkeypatch):
    for number, (token, repository, private, message) in enumerate(
        [
            ('hf_wrong', 'org/x', False, 'refuses it (HTTP 401): the token'),
            (TOKEN, 'foreign/x', False, 'refuses it (HTTP 403): the token'),
            (TOKEN, 'org/name', True, 'it is there and public'),
        ]
    ):
        monkeypatch.setenv('HF_TOKEN', token)
        out = tmp_path / str(number)
        said = refused_push(run, out, repository, private)
        assert message in said
        assert sorted(file.name for file in out.iterdir()) == sorted(FILES)
    monkeypatch.setattr(constants, 'ENDPOINT', 'http://127.0.0.1:9')
    said = refused_push(run, tmp_path / 'last', 'org/x')
    assert 'it cannot be pushed' in said
    assert f'`hf upload org/x {tmp_path / "last"}`' in said


@pytest.fixture
def tower(hub) -> SimpleNamespace:
    """A CLIP as open_clip pushes it: `hf-hub:org/clip`, and pickled in `hf-hub:org/pickled`."""
    model = load_clip(TINY_VIT)
    for weight in model.parameters():
        nn.init.normal_(weight.data, std=0.1)
    state = model.state_dict()
    pixels = dict(mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6])
    config = json.dumps(dict(model_cfg=TINY_VIT, preprocess_cfg=pixels)).encode()
    hub.put('org/clip', {CONFIG_FILE: config, 'open_clip_model.safetensors': save(state)})
    return SimpleNamespace(state=state, config=config)


def equal(model: nn.Module, state: dict) -> bool:
    return all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_an_open_clip_tower_of_the_hub(tower, hub, tmp_path, monkeypatch):
    name = 'hf-hub:org/clip'
    assert equal(load_clip(name, 'auto'), tower.state)
    assert clip_pixels(name, 'auto').mean == pytest.approx([25.5, 51.0, 76.5])
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    assert equal(load_clip(name, 'auto'), tower.state)
    assert fault_of_clip(name, 'auto') is None
    assert 'HF_HUB_OFFLINE is set' in fault_of_clip('hf-hub:org/none', 'auto')
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    with pytest.raises(ValueError, match='open_clip_config.json is not in it'):
        load_clip('hf-hub:org/name', 'auto')


def test_a_pickled_tower_is_read_and_not_run(tower, hub, tmp_path):
    name, file = 'open_clip_pytorch_model.bin', tmp_path / 'x.bin'
    torch.save(tower.state, file)
    hub.put('org/pickled', {CONFIG_FILE: tower.config, name: file.read_bytes()})
    assert equal(load_clip('hf-hub:org/pickled', 'auto'), tower.state)
    torch.save(SimpleNamespace, file)  # anything that is no tensor
    hub.put('org/evil', {CONFIG_FILE: tower.config, name: file.read_bytes()})
    with pytest.raises(ValueError, match='is refused: .* it holds more than tensors'):
        load_clip('hf-hub:org/evil', 'auto')
    hub.put('org/empty', {CONFIG_FILE: tower.config})
    with pytest.raises(ValueError, match='neither open_clip_model.safetensors nor'):
        load_clip('hf-hub:org/empty', 'auto')


def test_a_published_model_needs_no_tower_of_the_hub(tower, hub, run, tmp_path, monkeypatch):
    work = shutil.copytree(run.folder, tmp_path / 'work')
    text = (work / 'config.py').read_text()
    assert text.count('clip=dict(') == 1
    own = "clip=dict(model='hf-hub:org/clip', pretrained='auto'),\n    unread=dict("
    (work / 'config.py').write_text(text.replace('clip=dict(', own))
    out = publish(work, tmp_path / 'out')
    assert 'hf-hub' not in (out / 'config.py').read_text()

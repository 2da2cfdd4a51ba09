"""What is refused before a model is loaded, and what is said of an open page."""

import socket
from contextlib import contextmanager
from threading import Event

import pytest

from icpc.cli.main import run_command
from icpc.errors import UserError
from icpc.serving import server


def test_refused_before_a_model_is_loaded(monkeypatch):
    monkeypatch.setattr(server, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'icpc\[serve\]'"):
        server.check_server('127.0.0.1', 7860, 16)
    monkeypatch.setattr(server, 'find_spec', lambda name: True)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f'127.0.0.1:{port} cannot be served.*--port'):
            server.check_server('127.0.0.1', port, 16)
    for wrong in (('127.0.0.1', 0, 16), ('127.0.0.1', port, 0), ('127.0.0.1', port, float('nan'))):
        with pytest.raises(UserError, match='--port must|--max-size must'):
            server.check_server(*wrong)
    with pytest.raises(UserError, match='--host'):
        server.check_server('192.0.2.1', port, 16)
    server.check_server('127.0.0.1', port, 16)


@pytest.mark.parametrize('host', ['127.0.0.1', '0.0.0.0'])
def test_an_open_page_is_told(host, monkeypatch, capsys):
    @contextmanager
    def nothing(models, **options):
        yield f'http://{options["host"]}:7860/'

    monkeypatch.setattr(server, 'served', nothing)
    monkeypatch.setattr(Event, 'wait', lambda self: None)
    server.serve([], host)
    said = capsys.readouterr().out
    assert f'http://{host}:7860/' in said
    assert ('every computer' in said) == (host == '0.0.0.0')


def test_command_lines_that_are_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_command('serve', ['a', 'b', 'c'])
    assert 'at most two' in capsys.readouterr().err
    monkeypatch.setattr(server, 'check_server', lambda *_: None)
    monkeypatch.setattr(server, 'serve', lambda *_, **__: None)
    assert run_command('serve', ['scenes_clip', '--pretrained', 'auto']) == 2
    assert '--classes' in capsys.readouterr().err


def test_the_command_serves_what_it_is_told(monkeypatch):
    served = []
    monkeypatch.setattr(server, 'check_server', lambda *_: None)
    monkeypatch.setattr(server, 'serve', lambda *args, **options: served.append((args, options)))
    words = 'scenes scenes_clip --pretrained auto --device cpu --port 81 --max-size 2'
    assert run_command('serve', words.split()) == 0
    ((((trained, clip), host), options),) = served
    assert (trained.name, clip.name) == ('scenes', 'scenes_clip (auto), no training')
    assert clip.predictor.classes == trained.predictor.classes
    assert (host, options) == ('127.0.0.1', dict(classes=None, port=81, megapixels=2.0))

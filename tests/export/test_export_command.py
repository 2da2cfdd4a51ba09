"""`icpc export`: what it refuses before a model is loaded, and what it hands on."""

import argparse
from pathlib import Path

import pytest

from icpc.cli import export
from icpc.errors import UserError


def words(*typed: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    return parser.parse_args(typed)


@pytest.mark.parametrize(
    ('typed', 'message'),
    [
        (['--size', '512'], '--size must be H,W in pixels'),
        (['--size', '0,64'], '--size must be H,W in pixels'),
        (['--int8'], '--int8 needs --format onnx and --calibrate DIR'),
        (['--int8', '--format', 'torch', '--calibrate', 'x'], '--int8 needs --format onnx'),
        (['--format', 'torch', '--out', 'a.onnx'], r'a\.onnx: a file of --format torch ends in'),
    ],
)
def test_wrong_options_are_refused_before_the_model_is_read(typed: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        export._export(words('no-model', *typed))


def test_sizes_are_height_and_width() -> None:
    assert export.size_of('512, 683') == export.size_of('512x683') == (512, 683)
    assert export.size_of('dynamic') is None


def test_default_name_follows_the_model() -> None:
    assert words('run/iter_5.pth').out is None
    assert export.path_of(words('run/iter_5.pth')) == Path('iter_5.onnx')
    assert export.path_of(words('demo/', '--format', 'torch')) == Path('demo.pt2')

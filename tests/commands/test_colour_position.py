"""The colour x position table against cases worked by hand."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from icpc.commands.colour_position import (
    IGNORED,
    TableSettings,
    cells,
    choose_settings,
    evaluate_table,
    intersection_over_union,
    read_split,
)
from icpc.datasets.scenes.scene_files import write_scenes

TOOL = Path(__file__).parents[2] / 'tools/colour_position_baseline.py'


def _coloured(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pictures whose colour tells the class: class k is 80 k + noise in every channel."""
    noise = np.random.RandomState(seed).randint(0, 40, size=(*labels.shape, 3))
    return (labels[..., None] * 80 + noise).astype(np.uint8)


def test_iou_by_hand() -> None:
    labels = np.array([[[0, 0, 1, IGNORED]]], dtype=np.uint8)
    predictions = np.array([[[0, 1, 1, 0]]])
    iou = intersection_over_union(predictions, labels, 3)
    assert iou[0] == 50.0
    assert iou[1] == 50.0
    assert np.isnan(iou[2])


def test_cells_number_colour_and_position() -> None:
    picture = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    picture[0, 3, 3] = (255, 0, 128)
    index = cells(picture, 2, 2)
    assert index[0, 0, 0] == 0
    assert index[0, 0, 3] == 1
    assert index[0, 3, 0] == 2
    assert index[0, 3, 3] == (1 * 4 + 0 * 2 + 1) * 4 + 3


def test_colour_alone_solves_coloured_classes() -> None:
    labels = np.random.RandomState(1).randint(0, 3, size=(20, 16, 16)).astype(np.uint8)
    data = (_coloured(labels), labels)
    iou = evaluate_table(data, data, TableSettings(6, 1), 3)
    assert np.allclose(iou, 100.0)


def test_position_alone_solves_halves_and_noise_solves_nothing() -> None:
    grey = np.full((10, 16, 16, 3), 90, dtype=np.uint8)
    halves = np.zeros((10, 16, 16), dtype=np.uint8)
    halves[:, 8:] = 1
    assert np.allclose(evaluate_table((grey, halves), (grey, halves), TableSettings(2, 2), 2), 100)
    assert evaluate_table((grey, halves), (grey, halves), TableSettings(2, 1), 2)[1] == 0.0


def test_the_choice_is_made_on_validation() -> None:
    halves = np.zeros((10, 16, 16), dtype=np.uint8)
    halves[:, 8:] = 1
    grey = np.full((10, 16, 16, 3), 90, dtype=np.uint8)
    settings, score = choose_settings((grey, halves), (grey[:2], halves[:2]), 2)
    assert settings.position_bins >= 2
    assert score == 100.0


def test_missing_split_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='prepare_data.py scenes'):
        read_split(tmp_path, 'training')


@pytest.mark.parametrize(
    ('count', 'message'), [(0, 'must be at least 1, got 0'), (3, '3: there are 2')]
)
def test_a_number_of_pictures_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, count: int, message: str
) -> None:
    list(write_scenes(tmp_path, dict(training=2, validation=1, test=1), 48, 0))
    arguments = ['--data-root', str(tmp_path), '--train-images', str(count)]
    assert runpy.run_path(str(TOOL))['main'](arguments) == 2
    assert f'--train-images {message}' in capsys.readouterr().err


def test_a_folder_without_pictures_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert runpy.run_path(str(TOOL))['main'](['--data-root', str(tmp_path)]) == 2
    assert f'no picture in {tmp_path}' in capsys.readouterr().err

import numpy as np
from PIL import Image

from icpc.evaluation.panel import PanelRow, save_panel
from icpc.evaluation.pictures import colourise, overlay, save_mask, save_overlay

PALETTE = np.array([[255, 0, 0], [0, 255, 0]])
NAMES = ['red', 'green']


def test_each_class_has_its_colour_and_the_rest_is_dark():
    painted = colourise(np.array([[0, 1, 255, 2]]), PALETTE)
    assert painted.tolist() == [[[255, 0, 0], [0, 255, 0], [20, 20, 20], [20, 20, 20]]]


def test_overlay_mixes_by_opacity():
    image = np.full((1, 1, 3), 100, dtype=np.uint8)
    assert overlay(image, np.array([[0]]), PALETTE, opacity=0.5).tolist() == [[[178, 50, 50]]]
    assert overlay(image, np.array([[0]]), PALETTE, opacity=0.0).tolist() == image.tolist()


def test_masks_come_back_with_8_or_16_bits(tmp_path):
    for top, mode in ((149, 'L'), (846, 'I;16')):
        labels = np.array([[0, top]])
        save_mask(tmp_path / 'deep' / 'mask.png', labels)
        read = Image.open(tmp_path / 'deep' / 'mask.png')
        assert read.mode == mode
        assert np.asarray(read).tolist() == labels.tolist()


def test_the_overlay_file_holds_picture_overlay_and_legend(tmp_path):
    image = np.full((32, 48, 3), 100, dtype=np.uint8)
    labels = np.zeros((32, 48), dtype=int)
    save_overlay(tmp_path / 'x.png', image, labels, NAMES, PALETTE)
    sheet = np.asarray(Image.open(tmp_path / 'x.png'))
    height, width = 32 * 12, 48 * 12
    assert sheet.shape[0] == height
    assert sheet[5, 5].tolist() == [100, 100, 100]
    assert sheet[5, width + 5].tolist() == [193, 40, 40]
    legend = sheet[:, 2 * width :]
    assert (legend == PALETTE[0]).all(-1).any()
    assert not (legend == PALETTE[1]).all(-1).any()


def test_the_panel_is_drawn_with_and_without_score_maps(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (8, 8))
    image = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
    sizes = []
    for maps in ({}, {'red': rng.random((8, 8)), 'green': rng.random((8, 8))}):
        save_panel(tmp_path / 'p.png', [PanelRow(image, labels, labels, maps)] * 2, NAMES, PALETTE)
        sizes.append(Image.open(tmp_path / 'p.png').size)
    assert sizes[0][0] < sizes[1][0]
    pixels = np.asarray(Image.open(tmp_path / 'p.png').convert('RGB')).reshape(-1, 3)
    for colour in PALETTE:
        assert (pixels == colour).all(1).sum() > 1000


def test_a_white_class_has_a_border_in_both_legends(tmp_path):
    labels, image = np.zeros((32, 32), dtype=int), np.zeros((32, 32, 3), dtype=np.uint8)
    white, grey = np.array([[255, 255, 255]]), np.array([128, 128, 128])
    save_panel(tmp_path / 'panel.png', [PanelRow(image, labels, labels)], ['x'], white)
    save_overlay(tmp_path / 'overlay.png', image, labels, ['x'], white)
    for name in ('panel', 'overlay'):
        pixels = np.asarray(Image.open(tmp_path / f'{name}.png').convert('RGB'))
        assert (pixels == grey).all(-1).sum() > 30, name

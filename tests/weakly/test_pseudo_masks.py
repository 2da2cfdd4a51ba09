"""Maps become masks: files of maps, thresholds, refinements, plans."""

import numpy as np
import pytest
import torch

from icpc.errors import UserError
from icpc.weakly.map_files import labels_of, load_maps, save_maps
from icpc.weakly.plans.plan_file import load_plan
from icpc.weakly.refinement import refiner
from icpc.weakly.refiners.pixel_adaptive import pixel_adaptive


def test_maps_are_kept_to_8_bits_and_empty_ones_left_out(tmp_path):
    maps = torch.rand(4, 5, 7)
    maps[1] = 0
    save_maps(maps, tmp_path / 'deep' / 'one.npz')
    classes, found = load_maps(tmp_path / 'deep' / 'one.npz')
    assert classes.tolist() == [0, 2, 3]
    np.testing.assert_allclose(found, maps[[0, 2, 3]].numpy(), atol=0.5 / 255 + 1e-6)
    save_maps(torch.zeros(4, 5, 7), tmp_path / 'two.npz')
    assert labels_of(*load_maps(tmp_path / 'two.npz'), 0.2).tolist() == [[0] * 7] * 5


@pytest.mark.parametrize('part', [0.0, 0.02, 0.5, 0.98, 'turned'])
def test_a_damaged_file_of_maps_is_named(tmp_path, part):
    save_maps(torch.rand(3, 9, 9), tmp_path / 'one.npz')
    whole = (tmp_path / 'one.npz').read_bytes()
    middle = len(whole) // 2
    turned = whole[:middle] + bytes(255 - one for one in whole[middle:][:20]) + whole[middle + 20 :]
    cut = turned if part == 'turned' else whole[: int(part * len(whole))]
    (tmp_path / 'one.npz').write_bytes(cut)
    with pytest.raises(UserError, match='one.npz: no maps of ours'):
        load_maps(tmp_path / 'one.npz')


def test_the_largest_map_above_the_threshold_counts():
    maps = np.array([[[0.1, 0.8, 0.3, 0.45]], [[0.2, 0.1, 0.9, 0.0]]], np.float32)
    assert labels_of(np.array([3, 0]), maps, 0.4).tolist() == [[0, 4, 1, 4]]
    assert labels_of(np.array([3, 0]), maps, 0.4, uncertain=0.1).tolist() == [[0, 4, 1, 255]]


def test_refinement_follows_the_picture_and_keeps_the_range():
    image = torch.zeros(3, 12, 12)
    image[:, :, 6:] = 200
    maps = torch.zeros(1, 12, 12)
    maps[0, 3:9, 1:4] = 1.0
    found = pixel_adaptive(image, maps, iterations=20, dilations=[1, 2])
    assert found.min() >= 0
    assert found.max() <= 1
    inside, outside = found[0, :, :6].mean(), found[0, :, 6:].mean()
    assert inside > 20 * outside
    assert found[0, 5, 5] > 0.05  # it spreads within its own side
    assert pixel_adaptive(image, torch.full((2, 12, 12), 0.3)).allclose(torch.tensor(0.3))


def test_one_step_of_the_refinement_by_hand():
    torch.manual_seed(0)
    image, maps = torch.rand(3, 5, 5), torch.rand(2, 5, 5)
    near = [(y, x) for y in (1, 2, 3) for x in (1, 2, 3) if (y, x) != (2, 2)]
    around = torch.stack([image[:, y, x] for y, x in near])  # (8, 3)
    sigma = torch.cat([around, image[None, :, 2, 2]]).std(dim=0)
    weights = (-(around - image[:, 2, 2]).abs() / (1e-8 + 0.1 * sigma)).mean(dim=1).softmax(0)
    expected = sum(w * maps[:, y, x] for w, (y, x) in zip(weights, near, strict=True))
    found = pixel_adaptive(image, maps, iterations=1, dilations=[1])[:, 2, 2]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ('name', 'options', 'words'),
    [
        ('pmar', {}, 'did you mean pamr'),
        ('pamr', {'iteration': 3}, 'no option .iteration.; did you mean iterations'),
        ('none', {'iterations': 3}, 'takes no options'),
    ],
)
def test_unknown_refinements_are_refused(name, options, words):
    with pytest.raises(UserError, match=words):
        refiner(name, options)


_WHOLE = "tags = dict(source='file', path='t.csv')\ncam = dict(config='pole/cam_tiny_scenes-128')\n"


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (_WHOLE, 'retrain: Field required'),
        (_WHOLE + "retrain = dict(config='x')\n", 'plan.py: retrain: x: no such config'),
        (_WHOLE + "retrain = dict(confg='x')\n", 'retrain.config: Field required'),
        (_WHOLE.replace('file', 'fle') + "retrain = dict(config='x')\n", 'tags.source'),
        ('import nothing_of_the_kind', 'nothing_of_the_kind'),
    ],
)
def test_a_wrong_plan_is_one_message(tmp_path, text, words):
    (tmp_path / 'plan.py').write_text(text)
    with pytest.raises(UserError, match=words):
        load_plan(tmp_path / 'plan.py')

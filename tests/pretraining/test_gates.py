"""The gates' measures by hand, and the packaged CLIP through them."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional as F

from icpc.clip.loading import PACKAGED, load_clip
from icpc.datasets.scenes.scene_classes import CLASSES
from icpc.pretraining.gates import (
    SHIFT,
    Figures,
    embed_scenes,
    encode_prompts,
    failures,
    held_out_scenes,
    measure,
    presence_auc,
    score_map,
)
from icpc.pretraining.model import MODEL_CFG, build_clip, normalise, save_clip

WEIGHTS = PACKAGED / 'scenes_clip'


def test_auc_by_hand() -> None:
    scores = np.array([[0.1, 0.5, 0.3], [0.4, 0.5, 0.2], [0.3, 0.5, 0.1]])
    present = np.array([[0, 1, 1], [1, 0, 1], [1, 0, 1]], dtype=bool)
    auc = presence_auc(scores, present)
    assert auc[0] == 1.0
    assert auc[1] == 0.5
    assert np.isnan(auc[2])


def test_score_map_takes_the_nearest_text() -> None:
    dense = torch.zeros(1, 3, 2, 2)
    dense[0, 0, :, 0] = dense[0, 2, :, 1] = 1.0
    classes = score_map(dense, torch.eye(3), (4, 4))
    assert classes[0, :, 0].tolist() == [0] * 4
    assert classes[0, :, 3].tolist() == [2] * 4


def test_each_failing_gate_is_named() -> None:
    def figures(auc: float, iou: float, shuffled: float) -> Figures:
        return Figures(*(np.array([v]) for v in (auc, iou, iou, shuffled)), chance=2.0)

    assert failures(figures(0.95, 30.0, 2.0)) == []
    found = failures(figures(0.8, 20.0, 9.0))
    assert len(found) == 3
    assert '0.800' in found[0]
    assert '20.0' in found[1]
    assert '9.0' in found[2]
    assert len(failures(figures(np.nan, np.nan, np.nan))) == 3


def test_shuffling_moves_every_name() -> None:
    assert SHIFT % len(CLASSES) > 0


def test_pooled_of_a_native_crop_is_open_clips() -> None:
    clip = build_clip().eval()
    scenes = held_out_scenes(1, size=64)
    with torch.no_grad():
        image = normalise(torch.from_numpy(scenes[0].image[None]))
        expected = F.normalize(clip.encode_image(image), dim=-1)
    pooled, dense = embed_scenes(clip, scenes)
    assert dense.shape == (1, 128, 4, 4)
    # At stride 16 the last pool is left out, so the pooled embedding is near, not equal.
    assert F.cosine_similarity(pooled, expected).item() > 0.5


def test_saved_files_are_open_clips_own_format(tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = build_clip({**MODEL_CFG, 'embed_dim': 16}).eval()
    save_clip(tmp_path, clip, {**MODEL_CFG, 'embed_dim': 16})
    again = open_clip.create_model(f'local-dir:{tmp_path}').eval()
    for name, value in clip.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value, atol=2e-3, rtol=1e-3), name


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason='weights are not packaged')
def test_the_packaged_clip_knows_the_scenes() -> None:
    figures = measure(load_clip('scenes_clip', 'auto'), held_out_scenes(60))
    assert np.nanmean(figures.auc) > 0.9
    assert np.nanmean(figures.iou) > 30.0
    assert np.nanmean(figures.iou_shuffled) < figures.chance + 1.0


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason='weights are not packaged')
def test_the_packaged_clip_is_small_and_knows_synonyms() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 8_000_000
    clip = load_clip('scenes_clip', 'auto').eval()
    words = encode_prompts(clip, ['a photo of a cottage.', 'a photo of an automobile.'])
    names = encode_prompts(clip, [f'a photo of a {name}.' for name in CLASSES])
    nearest = (words @ names.T).argmax(1).tolist()
    assert [CLASSES[k] for k in nearest] == ['house', 'car']

"""Every CLIP brings the mean and deviation of the pixels that it was trained with."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from icpc import load_config
from icpc.clip.pixels import clip_pixels
from icpc.commands.evaluate import _keep_test_only

CONFIGS = Path(__file__).parents[2] / 'configs'
ADE20K = CONFIGS / 'icpc/icpc_rn50_fpn_80k_ade20k-512.py'
DEMO = CONFIGS / 'icpc/icpc_tiny_fpn_1k_scenes-128.py'
# As MMSegmentation's and DenseCLIP's configs have them.
OPENAI = ([122.7709383, 116.7460125, 104.09373615], [68.5005327, 66.6321579, 70.32316305])
HALF = ([127.5] * 3, [127.5] * 3)
IMAGENET = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])


@pytest.fixture
def notes(caplog):
    caplog.set_level('INFO', 'icpc')
    return caplog


def filled(path, *options):
    given = load_config(path, list(options)).model.data_preprocessor
    return given.mean, given.std


@pytest.mark.parametrize(
    ('model', 'pretrained', 'expected'),
    [
        ('RN50-quickgelu', 'openai', OPENAI),
        ('RN50-quickgelu', None, OPENAI),
        ('RN50-quickgelu', '/a/file/RN50.pt', OPENAI),
        ('ViT-L-14', 'openai', OPENAI),
        ('ViT-L-14', 'laion2b_s32b_b82k', HALF),
        ('PE-Core-B-16', 'meta', HALF),
        ('PE-Core-B-16', '/a/file.safetensors', HALF),  # all published ones have it so
        ('MobileCLIP-S1', 'datacompdr', ([0.0] * 3, [255.0] * 3)),
        ('ViT-L-14-CLIPA', 'datacomp1b', IMAGENET),
        ('scenes_clip', 'auto', OPENAI),
        (dict(embed_dim=8), None, OPENAI),
    ],
)
def test_numbers_of_a_clip(model, pretrained, expected):
    pixels = clip_pixels(model, pretrained)
    assert (pixels.mean, pixels.std, pixels.doubt) == (*expected, None)


@pytest.mark.parametrize('path', [ADE20K, DEMO])
def test_the_configs_of_openai_s_clip_have_the_numbers_they_had(path, notes):
    mean, std = filled(path)
    assert np.array_equal(np.float32([mean, std]), np.float32(OPENAI))
    assert (mean, std) == OPENAI  # in 64 bits too: resolved configs are compared
    assert not notes.records


def test_weights_in_a_file_of_an_architecture_with_several_numbers_are_doubted(notes):
    assert filled(ADE20K, 'model.clip.model=ViT-L-14', 'model.clip.pretrained=/a/b.pt') == OPENAI
    assert "OpenAI's are taken, those of laion2b_s32b_b82k are others: set" in notes.text
    notes.clear()
    given = [f'model.data_preprocessor.{key}=[127.5,127.5,127.5]' for key in ('mean', 'std')]
    filled(ADE20K, 'model.clip.model=ViT-L-14', 'model.clip.pretrained=laion2b_s32b_b82k', *given)
    assert not notes.records


def folder_of(path, cfg, preprocess):
    config = dict(model_cfg=cfg, preprocess_cfg=preprocess)
    (path / 'open_clip_config.json').write_text(json.dumps(config))
    return path


def test_a_folder_says_its_own(tmp_path, tiny_resnet_cfg):
    folder = folder_of(tmp_path, tiny_resnet_cfg, dict(mean=[0.5, 0.4, 0.3], std=[0.1, 0.2, 0.5]))
    expected = ([127.5, 102.0, 76.5], [25.5, 51.0, 127.5])
    options = [f'model.clip.model={folder}', 'model.clip.pretrained=None']
    assert filled(DEMO, *options) == expected
    # Weights that lie beside such a file, of an architecture by name.
    (tmp_path / 'weights.pt').write_bytes(b'')
    pixels = clip_pixels('RN50-quickgelu', str(tmp_path / 'weights.pt'))
    assert (pixels.mean, pixels.std) == expected


@pytest.mark.parametrize(
    'preprocess', [dict(mean=[0.5] * 3), dict(mean=0.5, std=0.5), dict(mean=[0] * 3, std=[0] * 3)]
)
def test_a_folder_with_half_of_it_is_refused(tmp_path, tiny_resnet_cfg, preprocess):
    folder = folder_of(tmp_path, tiny_resnet_cfg, preprocess)
    with pytest.raises(ValueError, match='clip_config.json: preprocess_cfg needs mean and std'):
        MODELS.build(load_config(DEMO, [f'model.clip.model={folder}']).model)


def test_an_imagenet_backbone_brings_its_own():
    text = ['model.clip.model=ViT-B-16-quickgelu']
    assert filled(ADE20K, *text, 'model.backbone.type=ImageNetBackbone') == IMAGENET
    nested = 'model.backbone={type: PromptMatchedBackbone, tower: {type: ImageNetBackbone}}'
    assert filled(ADE20K, *text, nested) == IMAGENET


def test_another_explicit_value_is_kept_and_said_in_one_line(notes):
    mean, std = filled(ADE20K, 'model.data_preprocessor.mean=[1, 2, 3]')
    assert (mean, std) == ([1, 2, 3], OPENAI[1])
    (note,) = notes.records
    assert 'normalised with mean [1, 2, 3] as the config says, while RN50' in note.getMessage()
    notes.clear()
    # What configs stated before, with a CLIP that was trained otherwise.
    filled(
        ADE20K,
        'model.clip.model=PE-Core-B-16',
        *(
            f'model.data_preprocessor.{key}={value}'
            for key, value in zip(('mean', 'std'), OPENAI, strict=True)
        ),
    )
    assert len(notes.records) == 1
    assert 'while PE-Core-B-16 was trained with mean [127.5' in notes.text


def test_channels_that_are_not_turned_are_said(notes):
    filled(ADE20K, 'model.data_preprocessor.bgr_to_rgb=False')
    assert 'was trained on RGB; set bgr_to_rgb=True' in notes.text


def test_testing_has_the_numbers_of_training():
    options = ['model.clip.model=PE-Core-B-16', 'model.clip.pretrained=meta']
    cfg = load_config(ADE20K, options)
    _keep_test_only(cfg, 'test', 'a.pth')
    assert cfg.model.clip.pretrained is None
    assert cfg.model.data_preprocessor.mean == HALF[0]


def test_a_model_that_is_built_without_load_config_normalises_too(tiny_clip_model):
    image = torch.full((3, 8, 8), 127, dtype=torch.uint8)
    data = tiny_clip_model.data_preprocessor(dict(inputs=[image]))['inputs']
    expected = (127 - np.float32(OPENAI[0])) / np.float32(OPENAI[1])
    assert np.allclose(data[0, :, 0, 0], expected, atol=1e-6)


@pytest.fixture
def tiny_clip_model(tiny_resnet_cfg):
    model = copy.deepcopy(load_config(DEMO).model)
    model.clip = dict(model=tiny_resnet_cfg, pretrained=None)
    model.prompter = None
    for key in ('mean', 'std', 'size'):
        del model.data_preprocessor[key]
    return MODELS.build(model).eval()

"""MMSegmentation's own functions on what a run leaves: the same labels as ours and as test.py's."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model, show_result_pyplot
from mmseg.registry import MODELS

import icpc

SLIDE = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))

pytestmark = pytest.mark.xdist_group('inference')  # one run for all


@pytest.mark.parametrize('mode', ['whole', 'slide'])
def test_three_ways_give_the_same_labels(run, mode):
    paths = [str(path) for path in run.pictures]
    model = init_model(
        str(run.folder / 'resolved_config.py'),
        str(run.folder / 'iter_2.pth'),
        'cpu',
        {'model.test_cfg': SLIDE} if mode == 'slide' else None,
    )
    assert model.dataset_meta == dict(
        classes=['red', 'green', 'blue'],
        palette=[[200, 30, 30], [30, 200, 30], [30, 30, 200]],
    )
    theirs = inference_model(model, paths)
    predictor = icpc.load_model(run.folder, device='cpu')
    if mode == 'slide':
        predictor.model.test_cfg = SLIDE
    ours = predictor.predict(paths)
    for sample, prediction, labels in zip(theirs, ours, run.labels[mode], strict=True):
        np.testing.assert_array_equal(sample.pred_sem_seg.data.squeeze(0).numpy(), labels)
        np.testing.assert_array_equal(prediction.labels, labels)


def test_the_inferencer_and_the_drawing_work(run, tmp_path):
    picture = str(run.pictures[0])
    config, weights = str(run.folder / 'resolved_config.py'), str(run.folder / 'iter_2.pth')
    inferencer = MMSegInferencer(config, weights, device='cpu', show_progress=False)
    found = inferencer(picture, return_vis=True)
    np.testing.assert_array_equal(found['predictions'], run.labels['whole'][0])
    assert found['visualization'].shape == (32, 32, 3)
    model = init_model(config, weights, 'cpu')
    result = inference_model(model, picture)
    file = tmp_path / 'drawn.png'
    show_result_pyplot(model, picture, result, show=False, out_file=str(file))
    assert file.is_file()


def test_the_resolved_config_is_the_one_that_ran(run):
    plain = Config.fromfile(run.folder / 'resolved_config.py')
    tree = json.loads((run.folder / 'resolved_config.json').read_text())
    assert '${' not in plain.pretty_text
    assert json.loads(json.dumps(plain.to_dict())) == tree


def test_a_pretrained_of_mmseg_is_refused():
    config = dict(type='CLIPSegmentor', pretrained='x.pth', clip=dict(model='scenes_clip'))
    given = dict(class_names=['a', 'b'], backbone={}, neck={}, decode_head={})
    with pytest.raises(ValueError, match=r'model\.clip\.pretrained'):
        MODELS.build(config | given)


def test_a_config_with_variables_is_refused_with_the_one_to_take(run):
    with pytest.raises(ValueError, match=r'class_names=.*resolved_config\.py'):
        init_model(str(run.folder / 'config.py'), str(run.folder / 'iter_2.pth'), 'cpu')

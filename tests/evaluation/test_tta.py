import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from icpc.evaluation.tta import CLIPTTAModel


class Fixed(nn.Module):
    """Gives back the logits that it is handed as inputs."""

    def __init__(self, with_text: bool):
        super().__init__()
        self.with_text = with_text

    def test_step(self, data):
        sample = SegDataSample()
        sample.seg_logits = PixelData(data=data['inputs'][0])
        if self.with_text:
            sample.score_logits = PixelData(data=data['inputs'][0].flip(0))
        return [sample]


def test_probabilities_and_cosines_are_averaged():
    logits = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0)) * 3
    data = {'inputs': [x[None] for x in logits], 'data_samples': [[None]] * 3}
    (sample,) = CLIPTTAModel(Fixed(with_text=True)).test_step(data)
    assert torch.equal(sample.pred_sem_seg.data[0], logits.softmax(1).mean(0).argmax(0))
    assert torch.equal(sample.pred_score_map.data[0], logits.flip(1).mean(0).argmax(0))
    assert 'seg_logits' not in sample
    (sample,) = CLIPTTAModel(Fixed(with_text=False)).test_step(data)
    assert 'pred_score_map' not in sample


def test_maps_of_a_few_classes_are_averages_beside_the_same_predictions():
    logits = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    data = {'inputs': [x[None].clone() for x in logits], 'data_samples': [[None]] * 3}
    model = CLIPTTAModel(Fixed(with_text=True))
    (sample,) = model.test_step_with_maps(data, [2, 0])
    expected = logits.flip(1).mean(0)
    torch.testing.assert_close(sample.score_maps.data, expected[[2, 0]])
    assert torch.equal(sample.pred_score_map.data[0], expected.argmax(0))
    assert torch.equal(sample.pred_sem_seg.data[0], logits.softmax(1).mean(0).argmax(0))
    (sample,) = CLIPTTAModel(Fixed(with_text=False)).test_step_with_maps(data, [2, 0])
    assert 'score_maps' not in sample


def test_the_memory_of_an_average_is_that_of_the_model_and_three_full_maps():
    module = Fixed(with_text=True)
    module.class_names, module.prediction_memory = ['x'] * 7, lambda size, disk: (100, 5)
    held, elsewhere = CLIPTTAModel(module).prediction_memory((20, 30), (40, 60))
    assert (held, elsewhere) == (100 + 3 * 7 * 40 * 60 * 4, 5)

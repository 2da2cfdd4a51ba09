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

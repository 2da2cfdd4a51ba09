"""Test-time augmentation for the head and for the score map."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor


@MODELS.register_module()
class CLIPTTAModel(BaseTTAModel):
    """Averages over scales and flips: the head's probabilities, and the score map's cosines.

    The averages grow picture by picture, so that one full-size map of each kind is held, not one
    for each augmentation. The model must keep its logits (`model.test_cfg.keep_logits=True`).

    Args:
        module: The model, or its config.
    """

    @torch.no_grad()
    def test_step(self, data: dict[str, list]) -> list[SegDataSample]:
        """Predict one picture from its augmented versions.

        Args:
            data: `inputs` and `data_samples`, each a list over augmentations of batches of one.

        Returns:
            One sample with `pred_sem_seg` and, with text, `pred_score_map`, both (1, H, W).
        """
        head, score_map, sample = None, None, None
        for inputs, samples in zip(data['inputs'], data['data_samples'], strict=True):
            (sample,) = self.module.test_step({'inputs': inputs, 'data_samples': samples})
            head = _add(head, sample.seg_logits.data.softmax(dim=0))
            if 'score_logits' in sample:
                score_map = _add(score_map, sample.score_logits.data)
        return self.merge_preds([sample], head, score_map)

    def merge_preds(
        self, data_samples_list: list[SegDataSample], *sums: Tensor | None
    ) -> list[Any]:
        """Write the best classes of the summed maps into the sample.

        Args:
            data_samples_list: The last augmentation's sample.
            *sums: Head and score map, each (K, H, W) or None.
        """
        (sample,) = data_samples_list
        for field, total in zip(('pred_sem_seg', 'pred_score_map'), sums, strict=True):
            if total is not None:
                sample.set_data({field: PixelData(data=total.argmax(dim=0, keepdim=True))})
        for field in ('seg_logits', 'score_logits'):
            if field in sample:
                delattr(sample, field)
        return [sample]


def _add(total: Tensor | None, part: Tensor) -> Tensor:
    return part if total is None else total.add_(part)

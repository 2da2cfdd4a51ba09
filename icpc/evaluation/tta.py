"""Test-time augmentation for the head and for the score map."""

from collections.abc import Sequence
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
        return self.merge_preds(*self._sums(data))

    @torch.no_grad()
    def test_step_with_maps(self, data: dict, classes: Sequence[int]) -> list[SegDataSample]:
        """`test_step`, and with text `score_maps` (len(classes), H, W): cosines, averaged too.

        Args:
            data: As for `test_step`.
            classes: Ids of the classes whose maps are wanted.
        """
        samples, head, score_map = self._sums(data)
        if score_map is not None:
            maps = score_map[list(classes)] / len(data['inputs'])
            samples[0].set_data({'score_maps': PixelData(data=maps)})
        return self.merge_preds(samples, head, score_map)

    def _sums(self, data: dict[str, list]) -> tuple[list[SegDataSample], Tensor, Tensor | None]:
        """The last augmentation's sample, and the sums over all: probabilities and cosines."""
        head, score_map, sample = None, None, None
        for inputs, samples in zip(data['inputs'], data['data_samples'], strict=True):
            (sample,) = self.module.test_step({'inputs': inputs, 'data_samples': samples})
            head = _add(head, sample.seg_logits.data.softmax(dim=0))
            if 'score_logits' in sample:
                score_map = _add(score_map, sample.score_logits.data)
        return [sample], head, score_map

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

    def prediction_memory(self, size: Sequence[int], disk: Sequence[int]) -> tuple[int, int]:
        """Bytes held and elsewhere, as the model's own `prediction_memory`, with the averages.

        Args:
            size: (H, W) of the largest augmentation in the network.
            disk: (H0, W0) of the picture on disk.
        """
        held, elsewhere = self.module.prediction_memory(size, disk)
        # Both sums, and the probabilities that are being added.
        return held + 3 * len(self.module.class_names) * disk[0] * disk[1] * 4, elsewhere


def _add(total: Tensor | None, part: Tensor) -> Tensor:
    return part if total is None else total.add_(part)

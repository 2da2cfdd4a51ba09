"""Some pictures of a dataset, in a chosen order."""

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS
from torch.utils.data import Dataset


@DATASETS.register_module()
class PictureSubset(Dataset):
    """Gives the pictures at `indices` of a dataset; everything else is the dataset's own.

    Args:
        dataset: A dataset or its config.
        indices: Places in the dataset; one may come several times.
    """

    def __init__(self, dataset: Dataset | dict[str, Any], indices: Sequence[int]) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        if isinstance(self.dataset, BaseDataset):
            self.dataset.full_init()
        self.indices = list(indices)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.indices)

    def __getitem__(self, place: int) -> Any:
        """What the dataset gives at the place's index."""
        return self.dataset[self.indices[place]]

    def get_data_info(self, place: int) -> dict[str, Any]:
        """Paths of the picture and its mask."""
        return self.dataset.get_data_info(self.indices[place])

    def __getattr__(self, name: str) -> Any:
        """The dataset's own attributes; none before there is one, as while unpickling."""
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)

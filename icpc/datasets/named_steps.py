"""Steps of a pipeline whose failure at a picture names both."""

from typing import Any

from mmengine.dataset import Compose
from torch.utils.data import Dataset

from ..errors import UserError, described, own_fault, raised_by_us


class NamedSteps(Compose):
    """The steps of a pipeline, one after the other.

    Raises:
        UserError: What a step of a library raises at a picture, with the step and the picture. What
            own code raises stays as it is, since its line says more.
    """

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """What comes out of the last step; None as soon as a step gives it."""
        path = data.get('img_path') if isinstance(data, dict) else None
        for step in self.transforms:
            try:
                data = step(data)
            except (UserError, MemoryError):
                raise
            except Exception as error:
                if path is None or own_fault(error) is not None or raised_by_us(error):
                    raise
                words = ' '.join(described(error).split())
                raise UserError(
                    f'{path}: {type(step).__name__} of the pipeline fails on this picture: '
                    f"{words}; change the step's arguments, or take the picture out; a training "
                    'that had begun goes on with --resume'
                ) from error
            if data is None:
                return None
        return data


def name_steps(dataset: Dataset) -> None:
    """Make the pipeline of a built dataset, also inside others, name what fails.

    Args:
        dataset: Changed in place where it has a pipeline of mmengine's kind.
    """
    while dataset is not None:
        steps = vars(dataset).get('pipeline')
        if type(steps) is Compose:
            dataset.pipeline = NamedSteps(steps.transforms)
        dataset = vars(dataset).get('dataset')

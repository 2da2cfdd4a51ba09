"""A polynomial schedule that moves every so many steps."""

from mmengine.optim.scheduler import _ParamScheduler
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmseg.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class SteppedPolyLR(LRSchedulerMixin, _ParamScheduler):
    """DeepLab's: base (1 - t / total)^power, t being the steps done, rounded down to `every`.

    Args:
        optimizer: Of the run.
        total: Steps until the rate is 0.
        every: Steps between two changes; 1 for a smooth schedule.
        power: Of the polynomial.
        by_epoch: Must be False: it counts steps.
        **kwargs: As of mmengine's schedulers.
    """

    def __init__(
        self,
        optimizer: object,
        total: int,
        every: int = 10,
        power: float = 0.9,
        by_epoch: bool = False,
        **kwargs: object,
    ) -> None:
        if by_epoch:
            raise ValueError('SteppedPolyLR counts steps: set by_epoch=False')
        if total < 1 or every < 1:
            raise ValueError(f'SteppedPolyLR: total and every begin at 1, got {total} and {every}')
        self.total, self.every, self.power = total, every, power
        super().__init__(optimizer, by_epoch=False, **kwargs)

    def _get_value(self) -> list[float]:
        done = min(self.last_step // self.every * self.every, self.total)
        return [base * (1 - done / self.total) ** self.power for base in self.base_values]

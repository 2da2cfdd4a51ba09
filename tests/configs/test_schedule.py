"""The learning rate of every step, whatever the length of a run."""

from pathlib import Path

import pytest
import torch
from mmengine.optim import LinearLR, PolyLR

from icpc.config.load import load_config

DEMO = Path(__file__).parents[2] / 'configs' / 'icpc' / 'icpc_tiny_fpn_1k_scenes-128.py'
KINDS = {'LinearLR': LinearLR, 'PolyLR': PolyLR}


def rates(*options: str) -> list[float]:
    config = load_config(DEMO, ['lr=0.1', *options])
    # The schedule alone, without a step of the optimiser.
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.lr)
    schedulers = [
        KINDS[cfg['type']](optimizer, **{k: v for k, v in cfg.items() if k != 'type'})
        for cfg in config.param_scheduler
    ]
    found = []
    for _ in range(config.max_iters):
        found.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    return found


@pytest.mark.filterwarnings('ignore:Detected call of')
@pytest.mark.parametrize(
    ('options', 'warmup'),
    [
        (['max_iters=300'], 30),
        (['max_iters=12'], 2),
        (['max_iters=3'], 2),
        (['max_iters=12', 'warmup_iters=0'], 2),
        (['max_iters=12', 'warmup_iters=1'], 2),
        (['max_iters=12', 'warmup_iters=5'], 5),
    ],
)
def test_linear_warm_up_then_poly(options: list[str], warmup: int) -> None:
    found = rates(*options)
    steps = len(found)
    assert found[0] == pytest.approx(1e-7)
    assert found[warmup - 1] == pytest.approx(0.1)
    for step in range(warmup, steps):
        left = 1 - (step - warmup) / max(1, steps - warmup - 1)
        assert found[step] == pytest.approx((0.1 - 1e-6) * left**0.9 + 1e-6)

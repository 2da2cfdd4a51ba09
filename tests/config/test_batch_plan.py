import pytest

from icpc.config.batch_plan import BatchPlan, plan_batch, world_size
from icpc.errors import UserError


@pytest.mark.parametrize(
    ('gpu_batch', 'ranks', 'batch', 'accumulation'),
    [(4, 8, 4, 1), (4, 1, 4, 8), (8, 2, 8, 2), (64, 4, 8, 1), (None, 2, 16, 1)],
)
def test_global_batch_stays_whatever_the_ranks(gpu_batch, ranks, batch, accumulation):
    plan = plan_batch(32, gpu_batch, ranks)
    assert plan == BatchPlan(32, ranks, batch, accumulation)
    assert plan.ranks * plan.batch * plan.accumulation == 32


@pytest.mark.parametrize(
    ('gpu_batch', 'ranks', 'message'),
    [
        (4, 3, 'ranks that work: 1, 2, 4, 8'),
        (3, 4, 'numbers that work: 1, 2, 4, 8'),
        (0.5, 1, 'whole'),
    ],
)
def test_what_does_not_divide_is_refused_with_the_numbers_that_work(gpu_batch, ranks, message):
    with pytest.raises(UserError, match=message):
        plan_batch(32, gpu_batch, ranks)


def test_a_world_size_left_in_the_environment_does_not_count(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '4')
    monkeypatch.setenv('RANK', '1')
    assert world_size() == 1

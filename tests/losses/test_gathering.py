"""Negatives of all ranks: two gloo processes together equal one process with the whole batch."""

import socket
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from icpc.losses import align_contrastive_loss
from icpc.losses.gathering import gather_rows

GUIDANCE = ('none', 'weight', 'hard')


def batch() -> tuple[Tensor, Tensor]:
    """(4, D, h, w) embeddings and (1, K, D) texts; two pictures a rank."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(4, 6, 2, 3, generator=generator).double()
    return dense, torch.randn(1, 5, 6, generator=generator).double()


def labels_of(case: str) -> Tensor:
    """(4, 4, 6); how many (picture, class) pairs each rank brings."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 5, (4, 2, 3), generator=generator).repeat(1, 2, 2)
    if case == 'another number a rank':
        labels[0, :, :4], labels[0, :, 4:] = 1, 3
        labels[1] = 2  # a picture of one class brings no pair, but counts as a picture
    elif case == 'none on the second rank':
        labels[2:] = 255
    elif case == 'none at all':
        labels[:] = 4
    return labels


CASES = ('many pairs', 'another number a rank', 'none on the second rank', 'none at all')


def pairs(labels: Tensor) -> int:
    counts = [len(set(picture.unique().tolist()) - {255}) for picture in labels]
    return sum(count for count in counts if count > 1)


def rank_results(rank: int, case: str, guidance: str) -> list[Tensor]:
    """This rank's share of the mean over all pairs, and its gradients."""
    dense, text = batch()
    labels, own = labels_of(case), slice(2 * rank, 2 * rank + 2)
    leaves = dense[own].clone().requires_grad_(), text.clone().requires_grad_()
    share = pairs(labels[own]) / max(pairs(labels), 1)
    options = dict(guidance=guidance, negatives='batch', gather=True)
    loss = share * align_contrastive_loss(*leaves, labels[own], **options)
    loss.backward()
    return [loss.detach(), leaves[0].grad, leaves[1].grad]


def find_all(rank: int, port: int) -> dict:
    """One rank's results of all cases."""
    dist.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=2,
        timeout=timedelta(minutes=2),
    )
    try:
        found = {(case, g): rank_results(rank, case, g) for case in CASES for g in GUIDANCE}
        rows = torch.arange(3).double()[:, None] + 10 * rank
        return found | dict(rows=gather_rows(rows, torch.arange(3) > rank))
    finally:
        dist.destroy_process_group()


def second_rank(_: int, port: int, file: str) -> None:
    torch.set_num_threads(1)
    torch.save(find_all(1, port), file)


# Their runs are made once, by one of the processes that run the tests.
pytestmark = pytest.mark.xdist_group('gathering')


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What two processes found, this one and another; started once for all tests."""
    file = str(tmp_path_factory.mktemp('ranks') / 'second.pt')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    other = mp.start_processes(second_rank, (port, file), 1, join=False, start_method='fork')
    first = find_all(0, port)
    assert other.join()
    return [first, torch.load(file)]


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('guidance', GUIDANCE)
def test_two_ranks_equal_one_process(ranks: list[dict], case: str, guidance: str) -> None:
    """Loss and gradients, each rank weighted by its pairs; DDP itself averages over ranks."""
    dense, text = (x.requires_grad_() for x in batch())
    loss = align_contrastive_loss(
        dense, text, labels_of(case), guidance=guidance, negatives='batch'
    )
    loss.backward()
    losses, dense_grads, text_grads = zip(*(r[case, guidance] for r in ranks), strict=True)
    assert (loss > 0) == (case != 'none at all')
    torch.testing.assert_close(sum(losses), loss.detach(), rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.cat(dense_grads), dense.grad, rtol=0, atol=1e-9)
    torch.testing.assert_close(sum(text_grads), text.grad, rtol=0, atol=1e-9)


def test_the_other_rank_matters(ranks: list[dict]) -> None:
    dense, text = batch()
    own = align_contrastive_loss(
        dense[:2], text, labels_of('many pairs')[:2], guidance='none', negatives='batch'
    )
    share = pairs(labels_of('many pairs')[:2]) / pairs(labels_of('many pairs'))
    assert ranks[0]['many pairs', 'none'][0] > share * own + 1e-3


def test_rows_keep_their_rank_order(ranks: list[dict]) -> None:
    for rank, found in enumerate(ranks):
        rows, taking_part, first = found['rows']
        assert rows.flatten().tolist() == [0, 1, 2, 10, 11, 12]
        assert taking_part.tolist() == [False, True, True, False, False, True]
        assert first == (0, 3)[rank]


def test_one_process_gathers_itself() -> None:
    given = torch.randn(3, 4), torch.ones(3).bool()
    rows, taking_part, first = gather_rows(*given)
    assert rows is given[0]
    assert taking_part is given[1]
    assert first == 0

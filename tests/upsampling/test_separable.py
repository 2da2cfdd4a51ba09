"""Tiled arg-max and axis matrices against F.interpolate."""

import pytest
import torch
from torch.nn import functional as F

from icpc.upsampling import (
    Part,
    add_part,
    argmax_rows,
    axis_matrix,
    bilinear_matrix,
    separable,
    upsampled_argmax,
)


@pytest.mark.parametrize(('inputs', 'outputs'), [(5, 20), (20, 7), (1, 4), (7, 23), (4, 4), (3, 1)])
def test_matrix_equals_interpolate(inputs, outputs):
    x = torch.randn(1, 2, inputs, 1, dtype=torch.float64)
    expected = F.interpolate(x, size=(outputs, 1), mode='bilinear')
    assert (bilinear_matrix(inputs, outputs) @ x - expected).abs().max() < 1e-14


@pytest.mark.parametrize('size', [(64, 48), (37, 53), (5, 3)])
@pytest.mark.parametrize('budget', [1, 2**18])
def test_argmax_equals_interpolate(monkeypatch, size, budget):
    monkeypatch.setattr(separable, '_CPU_TILE', budget)
    logits = torch.randn(2, 9, 8, 12, dtype=torch.float64)
    expected = F.interpolate(logits, size=size, mode='bilinear').argmax(1)
    assert torch.equal(upsampled_argmax(logits, size), expected)
    assert torch.equal(upsampled_argmax(logits[0], size), expected[0])


def test_equal_classes_give_the_first():
    assert torch.equal(upsampled_argmax(torch.zeros(5, 2, 2), (8, 8)), torch.zeros(8, 8).long())
    twice = torch.randn(4, 3, 3).repeat(2, 1, 1)
    assert upsampled_argmax(twice, (20, 20)).max() < 4


@pytest.mark.parametrize('size', [(96, 160), (97, 133), (9, 300)])
def test_classes_that_cannot_win_are_left_out(monkeypatch, size):
    torch.manual_seed(0)
    logits = torch.randn(40, 3, 5)
    logits[30:] += 9
    logits[35] = logits[33]  # equal classes
    logits[0, 2, 4] = 30  # best in a corner alone
    expected = F.interpolate(logits[None], size=size, mode='bilinear')[0].argmax(0)
    used = []
    tiles = separable._best_of_tiles
    monkeypatch.setattr(
        separable, '_best_of_tiles', lambda p, w: used.append(len(p[0].values)) or tiles(p, w)
    )
    assert torch.equal(upsampled_argmax(logits, size), expected)
    assert used[0] <= 11
    logits[2, 1, 1] = float('nan')
    assert (upsampled_argmax(logits, size) == 2).any()
    assert used[1] == 40  # of what is not a number, nothing is


def test_half_precision_logits():
    logits = torch.randn(6, 4, 4).bfloat16()
    assert torch.equal(upsampled_argmax(logits, (9, 9)), upsampled_argmax(logits.float(), (9, 9)))


def test_sum_of_parts():
    """Two maps side by side that overlap in the middle."""
    torch.manual_seed(0)
    parts, total = [], torch.zeros(5, 24, 40, dtype=torch.float64)
    for place, size in ((slice(0, 30), 6), (slice(20, 40), 5)):
        columns = torch.zeros(40, size, dtype=torch.float64)
        columns[place] = bilinear_matrix(size, place.stop - place.start)
        values = torch.randn(5, 4, size, dtype=torch.float64)
        parts.append(Part(values, axis_matrix(bilinear_matrix(4, 24)), axis_matrix(columns)))
        up = F.interpolate(values[None], size=(24, place.stop - place.start), mode='bilinear')
        total[:, :, place] += up[0]
    assert torch.equal(argmax_rows(parts, slice(3, 21)), total.argmax(0)[3:21])
    dense = torch.zeros_like(total)
    for part in parts:
        add_part(dense, part)
    assert (dense - total).abs().max() < 1e-13

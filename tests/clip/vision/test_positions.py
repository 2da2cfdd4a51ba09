"""Resized position tables."""

import torch

from icpc.clip.vision.positions import resize_positions


def test_positions_at_the_native_size_are_the_table_itself() -> None:
    table = torch.randn(1 + 6, 4)
    assert resize_positions(table, (2, 3), (2, 3)) is table
    resized = resize_positions(table, (2, 3), (4, 6))
    assert resized.shape == (1 + 24, 4)
    assert torch.equal(resized[0], table[0])
    grid = table[1:].reshape(2, 3, 4)
    # Half-pixel centres: new row 1 lies a quarter of the way from old row 0 to old row 1.
    torch.testing.assert_close(resized[1 + 6], 0.75 * grid[0, 0] + 0.25 * grid[1, 0])

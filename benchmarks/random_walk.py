"""The random walk of IRN on a picture's cells: sparse products with the maps, and the dense powers.

python benchmarks/random_walk.py              # 125 x 94 cells, a picture of 500 x 375
python benchmarks/random_walk.py --cells 64 48 --dense

Its last lines are `walk_seconds: ` and `walk_mib: `, the sparse walk's; with `--dense`, where that
fits, the published way is timed beside it.
"""

import argparse
import json

import torch
from sides import in_own_process, interleaved, peak_extra
from torch import Tensor

from icpc.weak.walk import random_walk, transition

RADIUS, BETA, EXPONENT = 5, 10.0, 8  # IRN
LARGEST = 6000  # cells of the dense matrix, 0.14 GB; 500 x 375 pictures have 11,750


def dense_walk(cam: Tensor, edge: Tensor) -> Tensor:
    """As published: the matrix of all pairs of cells is squared eight times."""
    matrix = transition(edge, RADIUS, BETA).to_dense().T
    for _ in range(EXPONENT):
        matrix = matrix @ matrix
    return ((cam * (1 - edge)).flatten(1) @ matrix).reshape(cam.shape)


def main() -> None:
    """Time and memory of a walk on random edges and maps."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--cells', type=int, nargs=2, default=(125, 94), metavar=('H', 'W'))
    parser.add_argument('--classes', type=int, default=3)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--dense', action='store_true', help='the published way, too')
    parser.add_argument('--memory-of', choices=('sparse', 'dense'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    height, width = args.cells
    cam, edge = torch.rand(args.classes, height, width), torch.rand(height, width) ** 3
    ways = {'sparse': lambda: random_walk(cam, edge, RADIUS, BETA, EXPONENT)}
    if args.dense or args.memory_of == 'dense':
        if height * width > LARGEST:
            raise SystemExit(f'--dense takes at most {LARGEST} cells, not {height * width}')
        ways['dense'] = lambda: dense_walk(cam, edge)
    if args.memory_of:
        print(json.dumps(peak_extra(ways[args.memory_of])))
        return
    shape = ['--cells', str(height), str(width), '--classes', str(args.classes)]
    seconds = interleaved(ways, args.rounds)
    mib = {way: in_own_process(__file__, [way, *shape]) for way in ways}
    for way in ways:
        print(f'{way}: {seconds[way]:.2f} s, {mib[way]:.0f} MiB, {height} x {width} cells')
    if 'dense' in ways:
        ours, published = ways['sparse'](), ways['dense']()
        error = float((ours - published).abs().max() / published.abs().max())
        print(f'largest difference, of the largest value: {error:.1e}')
    print(f'walk_seconds: {seconds["sparse"]:.2f}')
    print(f'walk_mib: {mib["sparse"]:.0f}')


if __name__ == '__main__':
    main()

"""A whole ICPC training step, RN50, 512 x 512: ours against the plain way.

Plain: each image's prompts encoded apart, padded to 13 positions, with the gradients of the text
tower's weights; MMSegmentation's ``FPNHead`` with its loss and accuracy; score-map losses by
``F.interpolate`` and ``F.cross_entropy``. Everything else is the same model with the same random
weights. Times are medians, interleaved; memory is the peak above the built model, each side in a
process of its own. The plain way at K = 847, B = 2 needs about 25 GiB: where that is not free, both
sides are measured at B = 1, and the output says so.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from many_classes import build
from sides import in_own_process, interleaved, peak_extra
from text_encoder import class_names

CONFIG = 'configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py'
PLAIN_GIB = {(847, 2): 26, (847, 1): 14, (150, 2): 7, (150, 1): 4}  # measured, with some room


class PlainScoreMapLoss(nn.Module):
    """The score-map loss on full-size maps."""

    def forward(
        self, features: object, text: Tensor, score_maps: list[Tensor], labels: Tensor
    ) -> Tensor:
        """A scalar."""
        losses = []
        for score_map in score_maps:
            full = F.interpolate(score_map / 0.07, size=labels.shape[1:], mode='bilinear')
            losses.append(F.cross_entropy(full, labels, ignore_index=255))
        return 0.4 * torch.stack(losses).sum()


def make_model(classes: int, head: str) -> nn.Module:
    from icpc import load_config

    torch.manual_seed(0)
    config = load_config(CONFIG, ['model.clip.pretrained=None', f'model.decode_head.type={head}'])
    config.model.class_names = class_names(classes)
    return build(config).train()


def plain_model(classes: int) -> nn.Module:
    from padded_text import PaddedText

    model = make_model(classes, 'FPNHead')
    model.prompter = PaddedText(model.prompter)
    model.losses['score_map'] = PlainScoreMapLoss()
    return model


def random_batch(classes: int, batch: int, size: int) -> tuple[Tensor, list]:
    """Pictures (B, 3, size, size), and samples whose labels are 8 x 8 blocks."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, 3, size, size, generator=generator)
    blocks = torch.randint(0, classes, (batch, 1, 8, 8), generator=generator).float()
    labels = F.interpolate(blocks, size=(size, size)).long()
    return images, [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]


def step_of(model: nn.Module, classes: int, batch: int, size: int = 512) -> Callable[[], float]:
    """Forward and backward on one random batch."""
    images, samples = random_batch(classes, batch, size)

    def step() -> float:
        total, _ = model.parse_losses(model.loss(images, samples))
        total.backward()
        model.zero_grad(set_to_none=True)
        return float(total.detach())

    return step


MODELS = {
    'ours': lambda classes: make_model(classes, 'SemanticFPNHead'),
    'plain': plain_model,
}


def free_gib() -> float:
    """Memory that can be had without swapping."""
    for line in Path('/proc/meminfo').read_text().splitlines():
        if line.startswith('MemAvailable'):
            return int(line.split()[1]) / 2**20
    return 0.0


def affordable(classes: int, batch: int) -> int:
    """The batch, or 1 where the plain way does not fit into the free memory."""
    if free_gib() >= PLAIN_GIB[classes, batch]:
        return batch
    if free_gib() < PLAIN_GIB[classes, 1]:
        raise SystemExit(f'{free_gib():.0f} GiB are free; K = {classes} needs more')
    print(f'K = {classes}: {free_gib():.0f} GiB free, plain way needs more: both sides at B = 1')
    return 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--batch', type=int, default=2, choices=(1, 2))
    parser.add_argument('--classes', type=int, nargs='+', default=[150, 847], choices=(150, 847))
    parser.add_argument('--memory-of', nargs=2, metavar=('CLASSES', 'SIDE'), help='used by itself')
    return parser.parse_args()


def measure(classes: int, batch: int, args: argparse.Namespace) -> tuple[float, float]:
    """(speed-up, share of the peak memory) at K classes."""
    batch = affordable(classes, batch)
    common = ['--threads', str(args.threads), '--batch', str(batch)]
    mib = {
        side: in_own_process(__file__, [str(classes), side, *common]) for side in ('plain', 'ours')
    }
    steps = {side: step_of(MODELS[side](classes), classes, batch) for side in ('plain', 'ours')}
    first = {side: step() for side, step in steps.items()}  # the warm-up, too
    if abs(first['plain'] - first['ours']) > 0.01 * first['plain']:
        raise SystemExit(f'the two sides have different losses: {first}')
    seconds = interleaved(steps, args.rounds, warm_up=False)
    for side in ('plain', 'ours'):
        print(
            f'K = {classes}, B = {batch} {side:6}{seconds[side]:8.2f} s {mib[side]:8.0f} MiB',
            flush=True,
        )
    return seconds['plain'] / seconds['ours'], mib['ours'] / mib['plain']


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    from mmseg.utils import register_all_modules

    import icpc  # noqa: F401  (fills the registry)

    register_all_modules(init_default_scope=True)
    if args.memory_of:
        classes, side = int(args.memory_of[0]), args.memory_of[1]
        print(json.dumps(peak_extra(step_of(MODELS[side](classes), classes, args.batch))))
        return
    results = {classes: measure(classes, args.batch, args) for classes in args.classes}
    if 150 in results:
        print(f'memory_share_150: {results[150][1]:.3f}')
    for classes, (speed_up, _) in results.items():
        print(f'speed_up_{classes}: {speed_up:.2f}')
    if 847 in results:
        print(f'memory_share_847: {results[847][1]:.3f}')


if __name__ == '__main__':
    main()

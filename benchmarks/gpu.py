"""ICPC's training and inference on a GPU at real sizes: images/s and peak memory, random weights.

RN50 at 512 x 512 and ViT-B/16 at 640 x 640, K = 150 and 847, float32 and bf16: forward, backward
and optimiser step of one batch that stays on the device, and prediction of one picture. Medians
after two warm-up rounds; memory is the allocator's peak. ``--compile`` adds torch.compile,
``--checkpointing`` recomputes the blocks of both towers in backward.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from text_encoder import class_names

CONFIGS = {
    'RN50': ('configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py', 512),
    'ViT-B/16': ('configs/icpc/icpc_vit-b16_fpn_80k_ade20k-640.py', 640),
}
DTYPES = ('float32', 'bf16')
NAMES = ('train_images_s', 'train_GiB', 'predict_images_s', 'predict_GiB')
WARM_UP = 2


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='+', choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument('--classes', nargs='+', type=int, default=[150, 847])
    parser.add_argument('--dtypes', nargs='+', choices=DTYPES, default=list(DTYPES))
    parser.add_argument('--batch', type=int, default=4, help='pictures at once in training')
    parser.add_argument('--size', type=int, help="pixels, instead of the config's crop")
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--checkpointing', action='store_true')
    parser.add_argument('--device', default='cuda', help='cpu: to try the script, without memory')
    args = parser.parse_args()
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        parser.error('there is no CUDA device; --device cpu --size 64 --rounds 1 tries the script')
    return args


def make_model(config: str, size: int, classes: int, args: argparse.Namespace) -> nn.Module:
    from mmengine.model import revert_sync_batchnorm
    from mmseg.registry import MODELS

    from icpc import load_config

    torch.manual_seed(0)
    loaded = load_config(config, [f'crop_size={size}', 'model.clip.pretrained=None'])
    loaded.model.class_names = class_names(classes)
    model = revert_sync_batchnorm(MODELS.build(loaded.model)).to(args.device)
    for part in model.modules():
        if hasattr(part, 'checkpointing'):
            part.checkpointing = args.checkpointing
    if args.compile:
        for part in (model.backbone, model.neck, model.decode_head):
            part.compile()
    return model


def step_of(model: nn.Module, size: int, classes: int, args: argparse.Namespace) -> Callable:
    """Forward, backward and optimiser step."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    images = torch.randn(args.batch, 3, size, size, device=args.device)
    blocks = torch.randint(0, classes, (args.batch, 1, 8, 8), device=args.device).float()
    labels = F.interpolate(blocks, size=(size, size)).long()
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=args.device.startswith('cuda'))

    def step() -> None:
        loss, _ = model.parse_losses(model.loss(images, samples))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def measured(run: Callable, args: argparse.Namespace, context: Callable) -> tuple[float, float]:
    """(median seconds, peak GiB); nan for the memory of a CPU."""
    cuda = args.device.startswith('cuda')
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(WARM_UP + args.rounds):
        start = time.perf_counter()
        with context():
            run()
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() / 2**30 if cuda else float('nan')
    return statistics.median(times[WARM_UP:]), peak


def rows(args: argparse.Namespace) -> Iterator[list[str]]:
    for name in args.models:
        config, crop = CONFIGS[name]
        size = args.size or crop
        for classes in args.classes:
            for dtype in args.dtypes:
                yield measure_row(name, config, size, classes, dtype, args)


def measure_row(
    name: str, config: str, size: int, classes: int, dtype: str, args: argparse.Namespace
) -> list[str]:
    device_type = torch.device(args.device).type

    def context() -> object:
        if dtype == 'float32':
            return nullcontext()
        return torch.autocast(device_type, torch.bfloat16)

    model = make_model(config, size, classes, args)
    step, step_peak = measured(step_of(model.train(), size, classes, args), args, context)
    picture = torch.randn(1, 3, size, size, device=args.device)
    model.eval()
    predict, predict_peak = measured(lambda: model.predict(picture), args, context)
    figures = [args.batch / step, step_peak, 1 / predict, predict_peak]
    for key, value in zip(NAMES, figures, strict=True):
        print(f'{name}_{size}_{classes}_{dtype}_{key}: {value:.2f}', flush=True)
    return [name, str(size), str(classes), dtype, *(f'{value:.2f}' for value in figures)]


def main() -> None:
    args = parse_args()
    from mmseg.utils import register_all_modules

    import icpc  # noqa: F401  (fills the registry)

    register_all_modules(init_default_scope=True)
    device = torch.cuda.get_device_name() if args.device.startswith('cuda') else 'CPU'
    table = Table(title=f'ICPC on {device}, batch {args.batch}, torch {torch.__version__}')
    for column in (
        'model',
        'crop',
        'K',
        'dtype',
        'train images/s',
        'GiB',
        'predict images/s',
        'GiB',
    ):
        table.add_column(column, justify='right')
    for row in rows(args):
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == '__main__':
    main()

"""Training and inference on a GPU at real sizes, random weights: what guidance costs there.

RN50 at 512 x 512 and ViT-B/16 at 640 x 640, K = 150 and 847, float32 and bf16: forward, backward
and optimiser step of one batch that stays on the device, and prediction of one picture. All methods
are interleaved in one process, the baseline without text among them; medians after two warm-up
rounds; memory is the allocator's peak of a method beside the weights of all. Then how often the
host waits for the device within a step, as the profiler counts it, and for what. ``--compile`` adds
torch.compile, ``--checkpointing`` recomputes the blocks of both towers in backward.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parent))
from guidance_cost import METHODS, TOWERS
from text_encoder import class_names
from train_step import random_batch

DTYPES = ('float32', 'bf16')
COLUMNS = ('method', 'train images/s', 'GiB', 'predict images/s', 'GiB', 'waits', 'for what')
WARM_UP = 2
_WAITS = ('cudaStreamSynchronize', 'cudaDeviceSynchronize', 'cudaEventSynchronize')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--towers', nargs='+', choices=TOWERS, default=list(TOWERS))
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS))
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


def make_model(
    method: str, tower: str, size: int, classes: int, args: argparse.Namespace
) -> nn.Module:
    from mmengine.model import revert_sync_batchnorm
    from mmseg.registry import MODELS

    from icpc import load_config

    name, crop = TOWERS[tower]
    config = f'configs/{method}/{method}_{name}_fpn_80k_ade20k-{crop}.py'
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
    images, samples = random_batch(classes, args.batch, size)
    images, samples = images.to(args.device), [sample.to(args.device) for sample in samples]
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=args.device.startswith('cuda'))

    def step() -> None:
        loss, _ = model.parse_losses(model.loss(images, samples))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def predict_of(model: nn.Module, picture: torch.Tensor) -> Callable:
    """The prediction of one picture."""
    model.eval()
    return lambda: model.predict(picture)


def measured(runs: dict[str, Callable], args: argparse.Namespace, context: Callable) -> tuple:
    """Median seconds and peak GiB of each; nan for the memory of a CPU."""
    cuda = args.device.startswith('cuda')
    times: dict[str, list[float]] = {name: [] for name in runs}
    peaks = dict.fromkeys(runs, float('nan'))
    for _ in range(WARM_UP + args.rounds):
        for name, run in runs.items():
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            start = time.perf_counter()
            with context():
                run()
            if cuda:
                torch.cuda.synchronize()
                peaks[name] = torch.cuda.max_memory_allocated() / 2**30
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(all_[WARM_UP:]) for name, all_ in times.items()}, peaks


def waits(run: Callable, args: argparse.Namespace, context: Callable) -> Counter:
    """How often the host waits for the device, by the operator that it does so for."""
    if not args.device.startswith('cuda'):
        return Counter()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found, context():
        run()
    causes = Counter()
    for event in found.events():
        if event.name in _WAITS:
            parent = event.cpu_parent
            causes[parent.name if parent is not None else event.name] += 1
    causes['cudaDeviceSynchronize'] -= 1  # the profiler's own, at its end
    return +causes


def measure(tower: str, classes: int, dtype: str, args: argparse.Namespace) -> Iterator[list[str]]:
    """A row of each method; prints all figures and the ratios to the baseline."""
    size = args.size or TOWERS[tower][1]
    device_type = torch.device(args.device).type

    def context() -> object:
        if dtype == 'float32':
            return nullcontext()
        return torch.autocast(device_type, torch.bfloat16)

    models = {name: make_model(name, tower, size, classes, args) for name in args.methods}
    steps = {n: step_of(model.train(), size, classes, args) for n, model in models.items()}
    step, step_peak = measured(steps, args, context)
    causes = {name: waits(run, args, context) for name, run in steps.items()}
    picture = torch.randn(1, 3, size, size, device=args.device)
    predictions = {name: predict_of(model, picture) for name, model in models.items()}
    predict, predict_peak = measured(predictions, args, context)
    head = f'{tower}_{size}_{classes}_{dtype}'
    for name in args.methods:
        figures = dict(
            train_images_s=args.batch / step[name],
            train_GiB=step_peak[name],
            predict_images_s=1 / predict[name],
            predict_GiB=predict_peak[name],
            waits=causes[name].total(),
        )
        if 'baseline' in step:
            figures['step'] = step[name] / step['baseline']
            figures['predict'] = predict[name] / predict['baseline']
        for key, value in figures.items():
            print(f'{head}_{name}_{key}: {value:.3f}', flush=True)
        listed = ', '.join(f'{cause} {count}' for cause, count in causes[name].most_common())
        yield [name, *(f'{value:.2f}' for value in list(figures.values())[:5]), listed]


def main() -> None:
    args = parse_args()
    from mmseg.utils import register_all_modules

    import icpc  # noqa: F401  (fills the registry)

    register_all_modules(init_default_scope=True)
    device = torch.cuda.get_device_name() if args.device.startswith('cuda') else 'CPU'
    print(f'{device}, batch {args.batch}, torch {torch.__version__}')
    for tower in args.towers:
        for classes in args.classes:
            for dtype in args.dtypes:
                table = Table(title=f'{tower}, K = {classes}, {dtype}')
                for column in COLUMNS:
                    table.add_column(column, justify='right')
                for row in measure(tower, classes, dtype, args):
                    table.add_row(*row)
                Console(width=110).print(table)


if __name__ == '__main__':
    main()

"""What guidance by text costs beside the baseline without text: CLIP + FPN, the same backbone.

Forward and backward of a training step (B = 2, random weights and labels) and the prediction of one
picture, float32, all methods interleaved in one process: medians, as ratios to the baseline's.
Memory is the peak of a step above the built model, each method in a process of its own. Then a
table of where the time of a step goes: each part forward and backward by itself.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
from many_classes import build
from sides import in_own_process, interleaved, peak_extra
from text_encoder import class_names
from train_step import random_batch, step_of

METHODS = ('baseline', 'coop', 'denseclip', 'icpc')
TOWERS = {'RN50': ('rn50', 512), 'ViT-B/16': ('vit-b16', 640)}
CASES = (('RN50', 150), ('ViT-B/16', 150), ('RN50', 847))
PICTURES = 2  # in a training step


def make_model(method: str, tower: str, classes: int) -> nn.Module:
    from icpc import load_config

    torch.manual_seed(0)
    name, crop = TOWERS[tower]
    path = f'configs/{method}/{method}_{name}_fpn_80k_ade20k-{crop}.py'
    config = load_config(path, ['model.clip.pretrained=None'])
    config.model.class_names = class_names(classes)
    config.model.test_cfg = dict(mode='whole')
    return build(config)


def predict_of(model: nn.Module, crop: int) -> Callable[[], None]:
    """The prediction of one picture."""
    picture = torch.randn(1, 3, crop, crop, generator=torch.Generator().manual_seed(2))

    def predict() -> None:
        model.eval()
        model.predict(picture)
        model.train()

    return predict


def parts_of(model: nn.Module, crop: int, classes: int) -> dict[str, Callable[[], None]]:
    """Each part of a step, forward and backward, from inputs that are there already."""
    images, samples = random_batch(classes, PICTURES, crop)
    labels = torch.stack([sample.gt_sem_seg.data.squeeze(0) for sample in samples])
    features = leaves(model.encode_images(images))
    text = leaves(model.encode_text(features))
    decoder_inputs, score_maps = map(leaves, model.decoder_inputs(features, text))
    parts = {
        'backbone': lambda: model.encode_images(images),
        'text': lambda: model.encode_text(features),
        'alignment and FPN': lambda: model.decoder_inputs(features, text),
        'head and its loss': lambda: model._head_loss(decoder_inputs, samples)['decode.loss_ce'],
    }
    for name, loss in model.losses.items():
        parts[f'loss {name}'] = lambda loss=loss: loss(features, text, score_maps, labels)
    if text is None:
        del parts['text']
    return {name: forward_and_backward(run) for name, run in parts.items()}


def forward_and_backward(run: Callable[[], object]) -> Callable[[], None]:
    def both() -> None:
        outputs = [one for one in tensors(run()) if one.requires_grad]
        torch.autograd.backward(outputs, [torch.ones_like(one) for one in outputs])

    return both


def tensors(values: object) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [] if values is None else [one for value in values for one in tensors(value)]


def leaves(values: object) -> object:
    """The same tensors, cut off from what made them."""
    if values is None or isinstance(values, Tensor):
        return None if values is None else values.detach().requires_grad_()
    parts = [leaves(value) for value in values]
    return type(values)(*parts) if hasattr(values, '_fields') else type(values)(parts)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--cases', type=int, nargs='+', choices=(0, 1, 2), default=[0, 1, 2])
    parser.add_argument('--methods', nargs='+', choices=METHODS[1:], default=METHODS[1:])
    parser.add_argument('--no-memory', action='store_true', help='times alone')
    parser.add_argument('--no-parts', action='store_true', help='no table of where the time goes')
    parser.add_argument('--memory-of', nargs=3, metavar=('METHOD', 'TOWER', 'K'), help='by itself')
    return parser.parse_args()


def measure(tower: str, classes: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Figure -> method -> its ratio to the baseline; prints the absolute values."""
    methods = ('baseline', *args.methods)
    crop = TOWERS[tower][1]
    figures: dict[str, dict[str, float]] = {}
    if not args.no_memory:
        common = ['--threads', str(args.threads)]
        figures['memory'] = {
            method: in_own_process(__file__, [method, tower, str(classes), *common])
            for method in methods
        }
    models = {method: make_model(method, tower, classes).train() for method in methods}
    steps = {method: step_of(model, classes, PICTURES, crop) for method, model in models.items()}
    figures['step'] = interleaved(steps, args.rounds)
    figures['predict'] = interleaved(
        {method: predict_of(model, crop) for method, model in models.items()}, args.rounds
    )
    for name, values in figures.items():
        unit = 'MiB' if name == 'memory' else 's'
        print(f'{tower}, K = {classes}, {name}:', end='')
        print(*(f' {method} {value:.2f} {unit}' for method, value in values.items()), sep=',')
    if not args.no_parts:
        print_parts(f'{tower}, K = {classes}', models, crop, classes, args.rounds)
    return {
        name: {method: value / values['baseline'] for method, value in values.items()}
        for name, values in figures.items()
    }


def print_parts(
    title: str, models: dict[str, nn.Module], crop: int, classes: int, rounds: int
) -> None:
    """Where the time of a step goes, in shares of the baseline's parts together."""
    found = {
        method: interleaved(parts_of(model, crop, classes), rounds)
        for method, model in models.items()
    }
    whole = sum(found['baseline'].values())
    names = dict.fromkeys(name for seconds in found.values() for name in seconds)
    rows = [
        [name, *(cell(seconds.get(name), whole) for seconds in found.values())] for name in names
    ]
    rows.append(['together', *(cell(sum(seconds.values()), whole) for seconds in found.values())])
    print_table(f'{title}: share of the baseline (s)', ['part', *found], rows)


def cell(seconds: float | None, whole: float) -> str:
    return '' if seconds is None else f'{seconds / whole:.3f} ({seconds:.2f})'


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify='right')
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    from mmseg.utils import register_all_modules

    import icpc  # noqa: F401  (fills the registry)

    register_all_modules(init_default_scope=True)
    if args.memory_of:
        method, tower, classes = args.memory_of
        model = make_model(method, tower, int(classes)).train()
        step = step_of(model, int(classes), PICTURES, TOWERS[tower][1])
        print(json.dumps(peak_extra(step)))
        return
    ratios = {CASES[case]: measure(*CASES[case], args) for case in args.cases}
    for (tower, classes), figures in ratios.items():
        for figure, values in figures.items():
            for method in args.methods:
                print(f'{tower} {classes} {method}_{figure}: {values[method]:.3f}')
    if not ('icpc' in args.methods and 'denseclip' in args.methods):
        return
    if ('RN50', 150) in ratios:
        main_case = ratios['RN50', 150]
        print(f'denseclip_step: {main_case["step"]["denseclip"]:.3f}')
        print(f'icpc_step: {main_case["step"]["icpc"]:.3f}')
        if 'memory' in main_case:
            print(f'icpc_memory: {main_case["memory"]["icpc"]:.3f}')
    if ('RN50', 847) in ratios:
        print(f'icpc_step_847: {ratios["RN50", 847]["step"]["icpc"]:.3f}')
    if ('RN50', 150) in ratios:
        print(f'icpc_predict: {main_case["predict"]["icpc"]:.3f}')


if __name__ == '__main__':
    main()

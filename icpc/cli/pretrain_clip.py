"""`icpc pretrain-clip`: pre-train a tiny CLIP on procedural scenes, and check what it knows."""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..startup.program import typed
from .arguments import quiet

if TYPE_CHECKING:
    from rich.progress import Progress
    from torch import nn

HELP = 'pre-train a tiny CLIP on procedural scenes and captions, and check what it knows'
FORMATTER = argparse.ArgumentDefaultsHelpFormatter
_COMMAND = 'pretrain-clip'
_LEAST = dict(steps=2, batch=2, scenes=2, threads=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('--out', type=Path, default=Path('work_dirs/scenes_clip'), help='folder')
    parser.add_argument('--steps', type=int, default=2000, help='optimiser steps')
    parser.add_argument('--batch', type=int, default=96, help='pictures in a step')
    parser.add_argument('--pictures', type=int, default=16000, help='64 x 64 crops to train on')
    parser.add_argument('--lr', type=float, default=2e-3, help='highest rate of the image tower')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another CLIP')
    parser.add_argument('--scenes', type=int, default=200, help='held-out scenes for the gates')
    parser.add_argument('--threads', type=int, default=1, help='other numbers change last digits')
    parser.add_argument('--evaluate', type=Path, metavar='DIR', help='only check the CLIP in DIR')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers that are too small."""
    for name, least in _LEAST.items():
        if getattr(args, name) < least:
            parser.error(f'--{name} must be at least {least}')
    if args.pictures < args.batch:
        parser.error('--pictures must be at least --batch')


def pretrain(arguments: argparse.Namespace, progress: 'Progress') -> 'nn.Module':
    """Generate the crops and train."""
    import torch

    from ..pretraining.contrastive import Recipe, train
    from ..pretraining.crops import draw_pictures
    from ..pretraining.model import build_clip

    drawing = progress.add_task('drawing', total=arguments.pictures)
    crops, scenes = draw_pictures(
        arguments.pictures,
        arguments.seed,
        progress=lambda done: progress.update(drawing, completed=done),
    )
    torch.manual_seed(arguments.seed)
    clip = build_clip()
    recipe = Recipe(
        steps=arguments.steps, batch=arguments.batch, lr=arguments.lr, seed=arguments.seed
    )
    training = progress.add_task('training', total=arguments.steps)
    mean = None
    for step, loss in enumerate(train(clip, crops, scenes, recipe), start=1):
        mean = loss if mean is None else mean + 0.02 * (loss - mean)
        progress.update(training, advance=1, description=f'training, loss {mean:.3f}')
        if step % max(1, arguments.steps // 10) == 0 and not progress.console.is_terminal:
            progress.console.print(f'step {step} of {arguments.steps}, loss {mean:.3f}')
    return clip


def look(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Measure the CLIP in a folder; the lines to print and the gates that fail."""
    from ..clip.loading import load_clip
    from ..pretraining.gate_report import describe
    from ..pretraining.gates import failures, held_out_scenes, measure

    figures = measure(load_clip(str(folder), 'auto'), held_out_scenes(count))
    return describe(figures, count), failures(figures)


def make(arguments: argparse.Namespace, command: str) -> list[str]:
    """Pre-train unless a CLIP is only to be checked, then check it; return the gates that fail."""
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from ..errors import UserError
    from ..pretraining.gate_report import write_readme
    from ..pretraining.model import save_clip

    torch.set_num_threads(arguments.threads)
    folder = arguments.evaluate or arguments.out
    start = time.perf_counter()
    try:
        if arguments.evaluate is None:
            columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeLeft()) as progress:
                clip = pretrain(arguments, progress)
            save_clip(folder, clip)
        seconds = time.perf_counter() - start
        lines, failed = look(folder, arguments.scenes)
    except (ValueError, FloatingPointError) as error:
        raise UserError(str(error)) from error
    print('\n'.join(lines))
    if arguments.evaluate is None:
        write_readme(folder, command, arguments.seed, seconds, lines)
        print(f'wrote {folder} after {seconds / 60:.1f} minutes')
    for failure in failed:
        print(f'gate failed: {failure}', file=sys.stderr)
    if not failed:
        print('all gates hold')
    return failed


def run(args: argparse.Namespace) -> int:
    """Pre-train or evaluate; 1 when a gate fails, 2 for refused input."""
    with quiet():
        from ..commands.tool import run_tool

    words = sys.argv[1:]
    command = typed(_COMMAND, shlex.join(words[1:] if words[:1] == [_COMMAND] else words))
    failed: list[str] = []
    code = run_tool(lambda: failed.extend(make(args, command)), args.debug)
    return 1 if failed else code

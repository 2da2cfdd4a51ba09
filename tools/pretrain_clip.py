"""Pre-train a tiny CLIP on procedural scenes and captions, and check what it knows."""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arguments import quiet

if TYPE_CHECKING:
    from open_clip import CLIP
    from rich.progress import Progress


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/scenes_clip'), help='folder')
    parser.add_argument('--steps', type=int, default=2000, help='optimiser steps')
    parser.add_argument('--batch', type=int, default=96, help='pictures in a step')
    parser.add_argument('--pictures', type=int, default=16000, help='64 x 64 crops to train on')
    parser.add_argument('--lr', type=float, default=2e-3, help='highest rate of the image tower')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another CLIP')
    parser.add_argument('--scenes', type=int, default=200, help='held-out scenes for the gates')
    parser.add_argument('--threads', type=int, default=1, help='other numbers change last digits')
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    parser.add_argument('--evaluate', type=Path, metavar='DIR', help='only check the CLIP in DIR')
    arguments = parser.parse_args(argv)
    for name, least in dict(steps=2, batch=2, scenes=2, threads=1).items():
        if getattr(arguments, name) < least:
            parser.error(f'--{name} must be at least {least}')
    if arguments.pictures < arguments.batch:
        parser.error('--pictures must be at least --batch')
    return arguments


def pretrain(arguments: argparse.Namespace, progress: 'Progress') -> 'CLIP':
    """Generate the crops and train."""
    import torch

    from icpc.pretraining.contrastive import Recipe, train
    from icpc.pretraining.crops import draw_pictures
    from icpc.pretraining.model import build_clip

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


def check(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Measure the CLIP in a folder; the lines to print and the gates that fail."""
    from icpc.clip.loading import load_clip
    from icpc.pretraining.gate_report import describe
    from icpc.pretraining.gates import failures, held_out_scenes, measure

    figures = measure(load_clip(str(folder), 'auto'), held_out_scenes(count))
    return describe(figures, count), failures(figures)


def run(arguments: argparse.Namespace, command: str) -> list[str]:
    """Pre-train unless a CLIP is only to be checked, then check it; return the gates that fail."""
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from icpc.errors import UserError
    from icpc.pretraining.gate_report import write_readme
    from icpc.pretraining.model import save_clip

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
        lines, failed = check(folder, arguments.scenes)
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


def main(argv: list[str] | None = None) -> int:
    """Pre-train or evaluate; 1 when a gate fails, 2 for refused input."""
    arguments = parse(argv)
    with quiet():
        from icpc.commands.tool import run_tool

    command = shlex.join(['python', 'tools/pretrain_clip.py', *(argv or sys.argv[1:])])
    failed: list[str] = []
    code = run_tool(lambda: failed.extend(run(arguments, command)), arguments.debug)
    return 1 if failed else code


if __name__ == '__main__':
    sys.exit(main())

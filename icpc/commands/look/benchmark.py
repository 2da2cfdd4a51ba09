"""`icpc benchmark`: how long a prediction takes, and in how much memory."""

import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import torch
from mmseg.utils import register_all_modules
from torch import nn

from ...building import build_model
from ...config.load import load_config
from ...console.messages import say, silence_console
from ...errors import UserError
from ...inference.load_model import load_model
from ...inference.model_sources import CHECKPOINTS, HUB, PACKAGED
from ...memory.host import peak_memory

_CONFIG = 'config.py'  # of a run, or of a published model
_WARMUP = 3
_MIB = 2**20


def benchmark(
    source: str,
    options: Sequence[str] = (),
    size: tuple[int, int] = (512, 512),
    batch: int = 1,
    precisions: Sequence[str] = ('float32',),
    device: str | None = None,
    runs: int = 20,
) -> dict[str, float]:
    """Time predictions of random pictures, from pixels on the device to labels.

    Weights do not change the time: of a config, a work dir or a published folder none are loaded.

    Args:
        source: The path or the name of a config; or what `icpc.load_model` takes.
        options: Overrides of the config, as `--cfg-options`.
        size: Height and width in pixels.
        batch: Pictures in a prediction.
        precisions: Of `float32` and `bf16` (autocast).
        device: Such as `cpu` or `cuda:1`; by default a GPU where there is one.
        runs: Predictions that are timed, after three that are not.

    Returns:
        For each precision the median and the 90th percentile in milliseconds, pictures a second,
        and the most memory in MiB: that of the process on a CPU, that of torch on a GPU.

    Raises:
        UserError: For numbers below 1, a device that is not there, or too little memory.
    """
    for option, number in (('--size', min(size)), ('--batch', batch), ('--runs', runs)):
        if number < 1:
            raise UserError(f'{option} must be at least 1, got {number}')
    place = _device(device)
    register_all_modules(init_default_scope=True)
    model = _model(source, options).to(place).eval()
    images = torch.randn(batch, 3, *size, device=place)
    found: dict[str, float] = {}
    for precision in precisions:
        try:
            seconds = _times(model, images, precision, runs)
        except torch.OutOfMemoryError as error:
            raise UserError(
                f'{batch} picture(s) of {size[0]} x {size[1]} do not fit into the memory of '
                f'{place}: give a smaller --size or --batch'
            ) from error
        found |= {f'{precision}_{key}': value for key, value in _figures(seconds, batch).items()}
        found[f'{precision}_peak_memory_MiB'] = _peak(place) / _MIB
    return found


def print_benchmark(source: str, found: dict[str, float], what: str) -> None:
    """Print what was measured, a `name: value` a line.

    Args:
        source: What was measured.
        found: As `benchmark` gives it.
        what: Size, batch and device in words.
    """
    say(f'{source}, {what}')
    for name, value in found.items():
        print(f'{name}: {value:.2f}')


def described(device: str | None) -> str:
    """A device and its name, in words."""
    place = _device(device)
    name = torch.cuda.get_device_name(place) if place.type == 'cuda' else ''
    return f'{place} ({name or f"{torch.get_num_threads()} thread(s)"})'


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        place = torch.device(name)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f'--device {name}: cannot be used here ({reason}); try cpu') from error
    return place


def _model(source: str, options: Sequence[str]) -> nn.Module:
    folder = Path(source)
    silence_console()  # mmengine would print how each parameter was initialised
    if source in PACKAGED or source.startswith(HUB) or folder.suffix in CHECKPOINTS:
        if options:
            raise UserError(f'--cfg-options change a config, and {source} is a trained model')
        return load_model(source, 'cpu').model
    if folder.is_dir():
        if not (folder / _CONFIG).is_file():
            raise UserError(f'{source}: no {_CONFIG} in it; give a work dir, or a config')
        source = str(folder / _CONFIG)
    cfg = load_config(source, options)
    with suppress(AttributeError, TypeError):  # a model without CLIP has no weights of it
        cfg.model.clip.pretrained = None
    return build_model(cfg)


def _times(model: nn.Module, images: torch.Tensor, precision: str, runs: int) -> list[float]:
    """Seconds of each prediction."""
    place = images.device
    if place.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(place)
    half = torch.autocast(place.type, torch.bfloat16) if precision == 'bf16' else nullcontext()
    seconds = []
    with torch.inference_mode(), half:
        for _ in range(_WARMUP + runs):
            start = time.perf_counter()
            model.predict(images)
            if place.type == 'cuda':
                torch.cuda.synchronize(place)
            seconds.append(time.perf_counter() - start)
    return seconds[_WARMUP:]


def _figures(seconds: list[float], batch: int) -> dict[str, float]:
    sorted_ = torch.tensor(seconds, dtype=torch.float64)
    median, high = (float(torch.quantile(sorted_, share)) for share in (0.5, 0.9))
    return {
        'median_ms': 1e3 * median,
        'p90_ms': 1e3 * high,
        'pictures_per_second': batch * len(seconds) / sum(seconds),
    }


def _peak(place: torch.device) -> int:
    return torch.cuda.max_memory_allocated(place) if place.type == 'cuda' else peak_memory()

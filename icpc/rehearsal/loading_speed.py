"""How fast the training pictures come."""

import time

from mmengine.config import Config

from ..training.runner import SafeRunner

_MOST_SECONDS = 20.0


def seconds_of_loading(cfg: Config) -> float:
    """Seconds that a rank waits for the pictures of one optimiser step when it does nothing else.

    Args:
        cfg: A finished config; its loader is built anew, with its workers.
    """
    loader = SafeRunner.build_dataloader(dict(cfg.train_dataloader), seed=cfg.get('seed'))
    workers = cfg.train_dataloader.get('num_workers', 0)
    wanted = max(2, 4 * workers)  # what workers have prepared in the meantime must not count alone
    loader.name = 'train_dataloader'
    iterator = iter(loader)
    try:
        next(iterator)
        start, count = time.perf_counter(), 0
        while count < wanted and time.perf_counter() - start < _MOST_SECONDS:
            next(iterator)
            count += 1
        seconds = (time.perf_counter() - start) / count
    finally:
        loader.close()
    return seconds * cfg.train_cfg.get('accumulation', 1)

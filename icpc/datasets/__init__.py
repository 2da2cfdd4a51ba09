"""Datasets: the embedded scenes; importing it registers them."""

from icpc.datasets.scenes import ScenesDataset

__all__ = ['ScenesDataset']

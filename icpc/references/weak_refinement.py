"""Our values of recorded walks, boundary losses, seeds and dense CRFs."""

from collections.abc import Iterator
from itertools import count as count_up
from typing import Any

import torch
from torch import Tensor

from ..weak.boundary import boundary_losses, pair_affinity, pair_kinds
from ..weak.dense_crf import CRF, dense_crf, energies_of_probabilities
from ..weak.seeds import seed_labels
from ..weak.walk import (
    neighbour_affinity,
    paths,
    random_walk,
    score_labels,
    training_pairs,
    transition,
    walked_scores,
)
from .recorded_towers import Recorded


def refinement_values(file: Recorded) -> Iterator[tuple[str, Any]]:
    """Everything of a file of refinement."""
    yield from _walk_values(file)
    yield from _boundary_values(file)
    yield from _crf_values(file)


def _walk_values(file: Recorded) -> Iterator[tuple[str, Any]]:
    config = file.config
    cam, edge = file.tensor('walk/cam').float(), file.tensor('walk/edge').float()[0]
    radius, beta = config['radius'], config['beta']
    ways = paths(radius)
    yield 'walk/destinations', torch.tensor([way[0] for way in ways])
    yield 'walk/paths', ways
    yield 'walk/path_lengths', torch.tensor([len(way) for way in ways])
    height, width = edge.shape
    affinity = neighbour_affinity(edge, radius).flatten(1)
    matrix = torch.eye(height * width)
    for (step, *_), weights in zip(ways, affinity, strict=True):
        first = torch.arange(len(weights))[weights > 0]
        second = first + step[0] * width + step[1]
        matrix[first, second] = matrix[second, first] = weights[weights > 0]
    yield 'walk/affinity', matrix
    yield 'walk/transition1', transition(edge, radius, beta).to_dense().T
    walked = random_walk(cam, edge, radius, beta, config['exponent'])
    yield 'walk/propagated', walked
    yield 'walk/one_step', random_walk(cam, edge, radius, beta, 0)
    scores = walked_scores(walked, tuple(config['picture']))
    yield 'walk/upsampled', scores
    yield 'walk/labels', score_labels(scores, config['background'], file.tensor('walk/keys'))
    yield from _pair_values(file)


def _pair_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    """The pairs of a training; their radius and the side of its crops follow from the record."""
    destinations = file.arrays.get('train/destinations')
    if destinations is None:
        return
    radius = int(abs(destinations).max()) + 1
    yield 'train/destinations', torch.tensor([way[0] for way in paths(radius)])
    count = int(file.tensor('train/pairs')[1])
    # As many first cells as a square crop of some side has.
    side = next(n for n in count_up(radius) if (n - radius + 1) * (n - 2 * radius + 2) >= count)
    first, second = training_pairs((side, side), radius)
    yield 'train/pairs', torch.tensor([len(second), len(first)])


def _boundary_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    config = file.text('boundary/config')
    radius = config['radius']
    edge = file.tensor('boundary/edge_logits').float().requires_grad_()
    moved = file.tensor('boundary/displacement').float().requires_grad_()
    labels = file.tensor('boundary/labels')
    yield 'boundary/destinations', torch.tensor([way[0] for way in paths(radius)])
    yield 'boundary/sources', training_pairs(tuple(config['size']), radius)[0]
    yield 'boundary/affinity', pair_affinity(edge.sigmoid(), radius)
    kinds = pair_kinds(labels, radius)
    yield 'boundary/counts', torch.stack([kind.sum() for kind in kinds]).float()
    losses = boundary_losses(edge, moved, labels, radius)
    for name, loss in losses.items():
        yield f'boundary/loss/{name}', loss
    grads = torch.autograd.grad(losses['total_loss'], [edge, moved])
    for name, grad in zip(('edge_logits', 'displacement'), grads, strict=True):
        yield f'boundary/grad/{name}', grad


def _crf_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    settings = file.text('crf/config')
    picture = file.tensor('seeds/image')
    cam, keys = file.tensor('seeds/cam').float(), file.tensor('seeds/keys')
    confidence = settings['seeds'].pop('confidence')
    for case, crf in (('crf', CRF(**settings['seeds'])), ('no_crf', None)):
        maps = seed_labels(cam, keys, picture, crf=crf, confidence=confidence)
        for name, labels in maps.items():
            yield f'seeds/{case}/{name}', labels
    crf = CRF(**settings['test'])
    energies = energies_of_probabilities(file.tensor('crf/probabilities'))
    yield 'crf/refined', dense_crf(picture, energies, crf)
    for name in file.arrays:
        if name.startswith('crf/refined_'):
            steps = int(name.removeprefix('crf/refined_'))
            yield name, dense_crf(picture, energies, crf._replace(iterations=steps))

"""IRN's boundary network: where one class ends, learned from seeds alone."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ...clip.freezing import freeze, keep_eval
from ..boundary import UNKNOWN, boundary_losses, pair_kinds
from .tag_classifier import TagClassifier, build_backbone

_CELL = 4  # pixels of a cell
_COARSEST = 16  # pixels of a cell of the last stage
_SHARES = {  # of IRN's total loss
    'bg_pos_aff': 0.25,
    'fg_pos_aff': 0.25,
    'neg_aff': 0.5,
    'dp_fg': 0.5,
    'dp_bg': 0.5,
}
_KINDS = {'bg_pos_aff': 0, 'fg_pos_aff': 1, 'neg_aff': 2, 'dp_fg': 1, 'dp_bg': 0}  # of pair_kinds


@MODELS.register_module()
class BoundaryNetwork(BaseSegmentor):
    """Edges of a picture from a frozen ResNet (Ahn, Cho and Kwak, CVPR 2019).

    A 1 x 1 convolution to 32 channels with group norm reads the stem and each of the four stages;
    another one makes the edge of all, a cell for 4 x 4 pixels. The displacement branch points at
    the middle of objects; semantic masks do not use it.

    Args:
        backbone: options of a ResNet; without ``type`` the one that CLIP's image tower asks for.
        clip: arguments of :func:`icpc.clip.load_clip` for a backbone that is CLIP's image tower.
        radius: of the neighbourhood that the losses compare, in cells (IRN: 10).
        displacement: whether the displacement branch trains; edges do not depend on it.
        least_side: smaller pictures are padded to it, as in training: group norms see the padding.
        ignore_index: label of seeds that are not known.
        data_preprocessor, init_cfg: as in MMSegmentation.

    Raises:
        ValueError: a backbone that is no ResNet, or crops smaller than a neighbourhood.
    """

    fill_pixels = staticmethod(TagClassifier.fill_pixels)
    prediction_names = ('no edge', 'edge')  # of `pred_sem_seg`

    def __init__(
        self,
        backbone: dict,
        clip: dict | None = None,
        radius: int = 10,
        displacement: bool = True,
        least_side: int = 0,
        ignore_index: int = UNKNOWN,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if radius < 2:
            raise ValueError(f'model.radius must be at least 2 cells, got {radius}')
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        _check_crops(getattr(self.data_preprocessor, 'size', None), radius)
        self.radius, self.least_side, self.ignore_index = radius, least_side, ignore_index
        self.backbone = build_backbone(clip, backbone)
        network = _network(self.backbone)
        if not hasattr(network, 'layer1'):
            raise ValueError(f'model.backbone: {type(self.backbone).__name__} is no ResNet')
        freeze(self.backbone)
        widths = (_entering(network.layer1), *self.backbone.channels)
        self.edges = nn.ModuleList(_branch(width, 32, 4) for width in widths)
        self.edge = nn.Conv2d(32 * len(widths), 1, 1)
        self.displacement = _Displacement(widths) if displacement else None
        self.train()

    def train(self, mode: bool = True) -> 'BoundaryNetwork':
        """The backbone keeps its running statistics."""
        super().train(mode)
        keep_eval([self.backbone])
        return self

    @torch.no_grad()
    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """The stem and the four stages of pictures (B, 3, H, W), padded to whole cells."""
        size = [
            max(-(-side // _COARSEST) * _COARSEST, self.least_side) for side in inputs.shape[2:]
        ]
        padded = F.pad(inputs, (0, size[1] - inputs.shape[3], 0, size[0] - inputs.shape[2]))
        stem: list[Tensor] = []
        hook = (
            _network(self.backbone)
            .layer1[0]
            .register_forward_pre_hook(lambda _, given: stem.append(given[0]))
        )
        try:
            pyramid = self.backbone(padded).pyramid
        finally:
            hook.remove()
        return [*stem, *pyramid]

    def edge_logits(self, features: Sequence[Tensor]) -> Tensor:
        """(B, 1, h, w), edges before the sigmoid, a cell for 4 x 4 pixels."""
        size = features[0].shape[2:]
        read = [_at(branch, x, size) for branch, x in zip(self.edges, features, strict=True)]
        return self.edge(torch.cat(read, dim=1))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Edges, as MMSegmentation calls logits."""
        return self.edge_logits(self.extract_feat(inputs))

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.encode_decode(inputs, [])

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """IRN's losses with their shares, each the mean over the pairs of cells that it is of.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples with seeds.
        """
        features = self.extract_feat(inputs)
        edge, labels = self.edge_logits(features), self._seeds(data_samples)
        if self.displacement is None:
            moved = edge.new_zeros(len(edge), 2, *edge.shape[2:])
        else:
            moved = self.displacement(features)
        given = labels.to(edge.device), self.radius, self.ignore_index
        found = boundary_losses(edge, moved, *given)
        return {f'loss_{term}': _SHARES[term] * found[f'{term}_loss'] for term in self._terms}

    @property
    def _terms(self) -> list[str]:
        return [one for one in _SHARES if self.displacement is not None or 'aff' in one]

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, float]:
        """Pairs of cells of the kind that each loss is a mean over."""
        counts = [0.0, 0.0, 0.0]
        for labels in self._seeds(data_samples):  # one by one: they take much memory
            kinds = pair_kinds(labels[None], self.radius, self.ignore_index)
            counts = [count + float(kind.sum()) for count, kind in zip(counts, kinds, strict=True)]
        terms = {f'loss_{term}': counts[_KINDS[term]] for term in self._terms}
        return {'': float(len(data_samples)), **terms}

    def _seeds(self, data_samples: Sequence[SegDataSample]) -> Tensor:
        """(B, h, w) labels of the cells: those of pixels near their middle, as PIL's nearest."""
        size = self.data_preprocessor.size or (0, 0)
        found = []
        for sample in data_samples:
            labels = sample.gt_sem_seg.data.long()
            rest = [max(a - b, 0) for a, b in zip(size, labels.shape[1:], strict=True)]
            labels = F.pad(labels, (0, rest[1], 0, rest[0]), value=self.ignore_index)
            cells = [-(-side // _CELL) for side in labels.shape[1:]]
            scaled = F.interpolate(labels[None].double(), cells, mode='nearest-exact')
            found.append(scaled[0, 0].long())
        return torch.stack(found)

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Edges: the sigmoid of the mean over the picture and its mirror image, as IRN has it.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples.

        Returns:
            They with ``pred_edge`` (1, h, w) in 0..1, a cell for 4 x 4 pixels, and
            ``pred_sem_seg`` (1, H0, W0), 1 where an edge is above a half, at the size on disk.
        """
        samples = data_samples or [SegDataSample() for _ in inputs]
        cells = [-(-side // _CELL) for side in inputs.shape[2:]]
        first, second = (
            self.encode_decode(view, [])[..., : cells[0], : cells[1]]
            for view in (inputs, inputs.flip(-1))
        )
        edges = (first / 2 + second.flip(-1) / 2).sigmoid()
        for sample, edge in zip(samples, edges, strict=True):
            size = tuple(sample.get('ori_shape', inputs.shape[2:]))[:2]
            whole = F.interpolate(edge[None], size, mode='bilinear')[0]
            sample.set_data(
                {
                    'pred_edge': PixelData(data=edge),
                    'pred_sem_seg': PixelData(data=(whole > 0.5).long()),
                }
            )
        return samples


class _Displacement(nn.Module):
    """IRN's displacement branch: rows and columns towards the middle of the object.

    Args:
        widths: channels of the stem and the four stages.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        sizes = ((64, 8), (128, 16), (256, 16), (256, 16), (256, 16))
        self.read = nn.ModuleList(
            _branch(width, *size) for width, size in zip(widths, sizes, strict=True)
        )
        self.coarse = _branch(768, 256, 16)
        self.fine = _branch(448, 256, 16)
        self.move = nn.Conv2d(256, 2, 1, bias=False)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """(B, 2, h, w) of the stem and the four stages."""
        fine, middle = features[1].shape[2:], features[2].shape[2:]
        sizes = (fine, fine, middle, middle, middle)
        read = [_at(b, x, size) for b, x, size in zip(self.read, features, sizes, strict=True)]
        coarse = _at(self.coarse, torch.cat(read[2:], dim=1), fine)
        return self.move(self.fine(torch.cat([*read[:2], coarse], dim=1)).relu())


def _check_crops(size: Sequence[int] | None, radius: int) -> None:
    """Refuse crops that are too small for a single pair of cells: all losses would be 0."""
    cells = -(-min(size) // _CELL) if size else None
    if cells is not None and cells < 2 * radius - 1:
        raise ValueError(
            f'model.radius={radius}: crops of {min(size)} pixels have {cells} cells a side, which '
            f'hold no neighbourhood, so that nothing would train: set crop_size to at least '
            f'{_CELL * (2 * radius - 2) + 1}, or model.radius to at most {(cells + 1) // 2}'
        )


def _branch(width: int, channels: int, groups: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), nn.GroupNorm(groups, channels))


def _at(branch: nn.Module, x: Tensor, size: Sequence[int]) -> Tensor:
    """A branch at another size; ReLU comes behind the resizing."""
    return F.interpolate(branch(x), tuple(size), mode='bilinear').relu()


def _network(backbone: nn.Module) -> nn.Module | None:
    """The ResNet itself."""
    return getattr(backbone, 'net', getattr(backbone, 'visual', None))


def _entering(stage: nn.Module) -> int:
    """Channels that go into a stage of a ResNet."""
    return next(one for one in stage.modules() if isinstance(one, nn.Conv2d)).in_channels

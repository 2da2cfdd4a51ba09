"""A frozen image tower with a prompt matcher before each of its stages."""

from collections.abc import Iterable

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..clip import backbone_type
from ..parts import BaseBackbone, TakesClassPrior
from ..recomputing import recomputed
from ..structures import CLIPFeatures
from .prompt_matcher import PromptMatcher

_PROBE = 64  # side in pixels of the empty picture that tells the channels between stages


@MODELS.register_module()
class PromptMatchedBackbone(TakesClassPrior, BaseBackbone):
    """PMSS: the tower stays frozen and unchanged; matchers between its stages learn prompts.

    Prompt-Matched Semantic Segmentation (arXiv 2208.10159): a :class:`PromptMatcher` before every
    stage, the first between the embedding (stem, patch embedding) and stage 1; each takes the
    previous stage's output and the interim semantic map and gives the next input and a new map; the
    first map comes from the classes' frequencies in the training set. Any tower with ``enter``
    does: CLIP's ResNets and vision transformers (stages end at the taps), timm towers, ImageNet
    networks.

    Args:
        visual: open_clip's image tower; goes to ``tower``.
        num_classes: K.
        tower: a backbone's options; without ``type`` the one that CLIP's image tower asks for. Its
            own parts without pre-trained weights (resampling blocks, a new attention pool) train.
        dense: None leaves the joint embedding out (models without text); ``'tower'`` leaves it to
            the tower's options.
        width: the width of the matchers' state.
        steps: the steps of their recurrence.

    Attributes:
        prior: (K,) logits of the first map, log frequencies; a buffer, at first zero, set from the
            training set by ``ClassPriorHook``.
        (the others: the tower's, see :class:`BaseBackbone`)

    Raises:
        ValueError: a tower that cannot be cut into four stages, or options that unfreeze it.
    """

    knows_classes = True

    def __init__(
        self,
        visual: nn.Module,
        num_classes: int,
        tower: dict | None = None,
        dense: str | None = 'tower',
        width: int = 64,
        steps: int = 2,
    ) -> None:
        super().__init__()
        if dense not in ('tower', None):
            raise ValueError(f"backbone.dense must be 'tower' or None, got {dense!r}")
        options = dict(type=backbone_type(visual)) | dict(tower or {})
        if dense is None:
            options['dense'] = None
        self.tower = MODELS.build(_frozen(options), default_args=dict(visual=visual))
        self.register_buffer('prior', torch.zeros(num_classes))
        self.matchers = nn.ModuleList(
            PromptMatcher(channels, num_classes, width, steps)
            for channels in _entry_channels(self.tower)
        )
        for name in ('channels', 'strides', 'dense_level', 'embed_dim', 'size_divisor'):
            setattr(self, name, getattr(self.tower, name))

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The prior, and what the matchers read and write maps of classes with."""
        found = {'prior': (0, 0)}
        for place in range(len(self.matchers)):
            start = f'matchers.{place}'
            found |= {f'{start}.embed.weight': (1, 0)}
            found |= {f'{start}.classify.{name}': (0, 0) for name in ('weight', 'bias')}
        return found

    @property
    def pooled_only(self) -> tuple[nn.Parameter, ...]:
        """The tower's, frozen or not."""
        return tuple(self.tower.pooled_only)

    @property
    def joint_only(self) -> tuple[nn.Parameter, ...]:
        """The tower's, frozen or not."""
        return tuple(self.tower.joint_only)

    def level_only(self, level: int) -> Iterable[nn.Parameter]:
        """The tower's."""
        return self.tower.level_only(level)

    @property
    def interim_only(self) -> tuple[nn.Parameter, ...]:
        """With one step the last map: no prompt comes after it."""
        last = self.matchers[-1]
        return tuple(last.classify.parameters()) if last.steps == 1 else ()

    def set_prior(self, counts: Tensor) -> None:
        """Takes the pixels (K,) of each class in the training set; none counts as one."""
        self.prior.copy_((counts.clamp(min=1) / counts.clamp(min=1).sum()).log())

    def forward(self, images: Tensor) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), and the four interim maps (B, K, ., .)."""
        interim: list[Tensor] = []

        def enter(stage: int, features: Tensor) -> Tensor:
            matcher = self.matchers[stage]
            prior = self.prior[:, None, None].expand(images.shape[0], -1, 1, 1)
            semantic = interim[-1] if interim else prior
            features, semantic = recomputed(matcher, matcher, features, semantic)
            interim.append(semantic)
            return features

        features = self.tower(images, enter)
        return features._replace(interim=tuple(interim))


def _frozen(options: dict) -> dict:
    """A tower's options with those that freeze it.

    Raises:
        ValueError: it cannot have matchers, or the options say another thing about freezing.
    """
    cls = MODELS.get(options['type'])
    frozen = getattr(cls, 'frozen_options', None)
    if frozen is None:
        raise ValueError(
            f'model.backbone.tower.type={options["type"]!r} has no stages that matchers can stand '
            "before; leave it out for CLIP's own tower, or take ImageNetBackbone"
        )
    for name, value in frozen.items():
        if options.get(name, value) != value:
            raise ValueError(
                f'model.backbone.tower.{name}={options[name]!r}: PromptMatchedBackbone freezes the '
                'whole tower; leave it out'
            )
    return options | frozen


@torch.no_grad()
def _entry_channels(tower: nn.Module) -> list[int]:
    """Channels of what goes into each stage, from an empty picture.

    Raises:
        ValueError: not four stages.
    """
    found: list[int] = []

    def enter(stage: int, features: Tensor) -> Tensor:
        found.append(features.shape[1])
        return features

    training = tower.training
    tower.eval()(torch.zeros(1, 3, _PROBE, _PROBE), enter)
    tower.train(training)
    if len(found) != 4:
        raise ValueError(
            f'the tower has {len(found)} stages that anything goes into, matchers need 4: '
            'model.backbone.tower.taps must be 4 different blocks'
        )
    return found

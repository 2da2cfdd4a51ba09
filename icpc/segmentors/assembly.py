"""Building the parts of a model that depend on each other, and on whether it uses text."""

import inspect
import logging
from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import nn

from ..clip import TextEncoder, backbone_type
from ..parts import AlignmentLoss, BaseBackbone, BasePrompter, TakesScoreMap

logger = logging.getLogger('icpc')


def build_prompter(
    config: dict, clip: nn.Module, class_names: Sequence[str], backbone: nn.Module
) -> nn.Module:
    """Builds a prompter; the text tower comes along only where the prompter uses it.

    Args:
        config: the prompter's, with arguments of the text tower under ``text_encoder``.
        clip: open_clip's model, whose text tower the prompter takes over.
        class_names: K names.
        backbone: gives ``embed_dim``.

    Raises:
        ValueError: options for a text tower that the prompter does not use.
    """
    config = dict(config)
    options = config.pop('text_encoder', None) or {}
    cls = MODELS.get(config['type'])
    check_kind('model.prompter', cls, BasePrompter)
    if cls is None or cls.uses_text:
        given = dict(text_encoder=TextEncoder(clip, **options), class_names=class_names)
    elif options:
        raise ValueError(
            f'model.prompter.text_encoder={options} has no effect: {config["type"]} uses no text '
            'tower; leave it out'
        )
    else:
        given = dict(class_names=class_names, embed_dim=backbone.embed_dim)
    return MODELS.build(config, default_args=given)


def build_backbone(config: dict, towers: nn.Module, class_names: Sequence[str]) -> nn.Module:
    """Builds a backbone on CLIP's image tower; one that knows classes is told how many there are.

    Args:
        config: the backbone's, without ``type`` for the one that the image tower asks for.
        towers: open_clip's model.
        class_names: K names.
    """
    config = dict(type=backbone_type(towers.visual)) | dict(config)
    given = dict(visual=towers.visual)
    cls = MODELS.get(config['type'])
    check_kind('model.backbone', cls, BaseBackbone)
    if cls is not None and cls.knows_classes:
        given['num_classes'] = len(class_names)
    return MODELS.build(config, default_args=given)


def check_kind(key: str, cls: type | None, base: type) -> None:
    """Raises ValueError for a registered class that is no subclass of its contract.

    Args:
        key: the key of the config.
        cls: None for a name that the registry does not know, of which it tells itself.
        base: one of ``icpc.parts``, or ``BasePrompter``.
    """
    if cls is not None and not (inspect.isclass(cls) and issubclass(cls, base)):
        raise ValueError(
            f'{key}.type={cls.__name__} must subclass {base.__module__}.{base.__name__}'
        )


def refuse_pretrained(value: object) -> None:
    """Raises ValueError for weights in the place where MMSegmentation's own functions put None."""
    if value is not None:
        raise ValueError(
            f'model.pretrained={value!r}: the weights of CLIP are named by '
            'model.clip.pretrained, and those of a whole model by load_from; leave it out'
        )


def build_losses(config: dict | None) -> nn.ModuleDict:
    """Builds the alignment losses; entries that are None are left out."""
    losses = nn.ModuleDict()
    for name, cfg in (config or {}).items():
        if cfg:
            check_kind(f'model.losses.{name}', MODELS.get(cfg['type']), AlignmentLoss)
            losses[name] = MODELS.build(dict(cfg))
    return losses


def without_text(backbone: dict, losses: dict | None) -> tuple[dict, dict]:
    """Backbone and losses of a model without text; says which losses it leaves out."""
    losses = {name: cfg for name, cfg in (losses or {}).items() if cfg}
    kept = {name: cfg for name, cfg in losses.items() if not MODELS.get(cfg['type']).needs_text}
    left_out = [name for name in losses if name not in kept]
    if left_out:
        logger.info(
            'model.prompter is None: no text, so score maps and alignment losses '
            f'({", ".join(left_out)}) are left out'
        )
    return dict(backbone, dense=None), kept


def neck_sizes(model: nn.Module) -> dict:
    """What a neck's sizes follow from, for a model with backbone, prompter and class names."""
    return dict(
        in_channels=model.backbone.channels,
        embed_dim=None if model.prompter is None else model.backbone.embed_dim,
        num_classes=len(model.class_names),
        dense_level=model.backbone.dense_level,
    )


def head_config(config: dict, width: int, backbone: nn.Module, class_names: Sequence[str]) -> dict:
    """The head's config with its inputs and classes filled in where it leaves them out.

    Args:
        config: the head's.
        width: channels of each level of the neck's pyramid.
        backbone: gives the number of levels and their strides.
        class_names: K names.

    Raises:
        ValueError: another class count than K.
    """
    config = dict(in_index=list(range(len(backbone.channels)))) | dict(config)
    index = config['in_index']
    config.setdefault('in_channels', [width] * len(index) if isinstance(index, list) else width)
    if config.setdefault('num_classes', len(class_names)) != len(class_names):
        raise ValueError(
            f'model.decode_head.num_classes is {config["num_classes"]}, but there are '
            f'{len(class_names)} class names; leave it out, it follows from the names'
        )
    config.setdefault('align_corners', False)
    head = MODELS.get(config['type'])
    if 'feature_strides' in inspect.signature(head.__init__).parameters:
        config.setdefault('feature_strides', list(backbone.strides))
    return config


def check_ignore_index(head: nn.Module, losses: nn.ModuleDict, preprocessor: nn.Module) -> None:
    """Padding has one label, which none of the losses counts.

    Raises:
        ValueError: the head has none, or a loss or the preprocessor another one.
    """
    own = head.ignore_index
    if own is None:
        raise ValueError(
            'model.decode_head.ignore_index is None: pixels beside a picture need a label that no '
            'loss counts; set it to a number that is no class, such as 255'
        )
    others = {f'losses.{name}.ignore_index': loss for name, loss in losses.items()}
    others = {key: getattr(loss, 'ignore_index', own) for key, loss in others.items()}
    others['data_preprocessor.seg_pad_val'] = getattr(preprocessor, 'seg_pad_val', own)
    for key, value in others.items():
        if value != own:
            raise ValueError(
                f'model.{key} is {value}, but model.decode_head.ignore_index is {own}: padding '
                'has one label that counts nowhere, set both to the same number'
            )


def score_level_for(head: nn.Module, neck: nn.Module) -> int | None:
    """The level whose score map the head takes besides the pyramid; None for no such head.

    Raises:
        ValueError: a level that the neck does not align.
    """
    if not isinstance(head, TakesScoreMap):
        return None
    level = neck.dense_level if head.score_level is None else head.score_level
    if level not in neck.levels:
        raise ValueError(
            f'{type(head).__name__} adds the score map of level {level}, but the aligned levels '
            f'are {list(neck.levels)}: set model.neck.levels, or model.decode_head.score_level to '
            'one of them; without text take SemanticFPNHead'
        )
    return level

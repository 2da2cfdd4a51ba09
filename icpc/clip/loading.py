"""One strict and safe entry for CLIP models and weights."""

from copy import deepcopy
from pathlib import Path

import open_clip
import timm
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import nn

from ..errors import UserError, did_you_mean
from ..files import read_json
from ..foreign_files.hub import HUB, from_hub
from .vision.positions import resize_image_tower
from .weights import downloaded_weights, load_weights

PACKAGED = Path(__file__).resolve().parent.parent / 'assets'
CONFIG_FILE, _WEIGHTS = 'open_clip_config.json', 'open_clip_model.safetensors'
_PICKLED = 'open_clip_pytorch_model.bin'  # of models on the Hub without the other file
_DEEPEST, _WIDEST = 1000, 2**20  # layers; any other number, vocabularies too: our choice
_PARTS = ('all', 'text', 'image')


def load_clip(
    model: str | dict,
    pretrained: str | None = None,
    parts: str = 'all',
    image_size: int | None = None,
) -> nn.Module:
    """Builds a CLIP model and loads its weights, float32, strictly.

    Args:
        model: an open_clip architecture (``'RN50-quickgelu'``); a folder in open_clip's format or
            the name of a packaged one (``'scenes_clip'``); such a folder on the Hub
            (``'hf-hub:org/name'``, ``'hf-hub:org/name@revision'``); or ``model_cfg`` as a dict
            (``embed_dim``, ``vision_cfg``, ``text_cfg``, optionally ``quick_gelu``).
        pretrained: None for random weights; an open_clip tag (``'openai'``, downloaded); a file:
            OpenAI's archive (``RN50.pt``), a ``.pt`` state dict or ``.safetensors``; ``'auto'``
            for the weights beside a folder's config, on the Hub too.
        parts: which towers get the weights: ``'all'``, ``'text'`` or ``'image'``; the other one
            stays random (a control of what pre-training brings).
        image_size: side in pixels whose grid the image tower's position table is resized to, once,
            so that it is learned at that size (DenseCLIP: the crop size). By default the table
            keeps its size and is resized at every forward.

    Returns:
        ``open_clip.CLIP`` or ``CustomTextCLIP``.

    Raises:
        ValueError: unknown architecture, tag or part; weights of another architecture or another
            activation; missing or unexpected weights.
        FileNotFoundError: the weights file does not exist.
        UserError: no way to a model on the Hub, and it is not in its cache.
    """
    if parts not in _PARTS:
        raise ValueError(f'clip.parts must be one of {_PARTS}, got {parts!r}')
    config, folder = model_config(model)
    weights = _resolve_weights(model, config, pretrained, folder)
    clip = _build(config)
    if weights is not None:
        load_weights(clip, weights, parts, model if isinstance(model, str) else None)
    if image_size is not None:
        resize_image_tower(clip.visual, image_size)
    return clip.float()


def model_config(model: str | dict) -> tuple[dict, Path | None]:
    """open_clip's ``model_cfg``, and the folder that it is from, if it is from one.

    Raises:
        ValueError: an unknown architecture.
        UserError: a model on the Hub that is not there.
    """
    if isinstance(model, dict):
        return deepcopy(dict(model)), None
    of_hub = model.startswith(HUB)
    places = [from_hub(model, [CONFIG_FILE])] if of_hub else [Path(model), PACKAGED / model]
    for folder in places:
        if (folder / CONFIG_FILE).is_file():
            config = read_json(folder / CONFIG_FILE, 'take a whole copy of the folder')
            config = config.get('model_cfg', config)
            if not isinstance(config, dict):
                raise ValueError(f'{folder / CONFIG_FILE}: model_cfg must be a dict')
            return config, folder
    if of_hub:
        raise ValueError(
            f'clip.model={model!r}: {CONFIG_FILE} is not in it, so it is no model of open_clip'
        )
    config = open_clip.get_model_config(model)
    if config is None:
        packaged = sorted(path.parent.name for path in PACKAGED.glob(f'*/{CONFIG_FILE}'))
        hint = did_you_mean(model, open_clip.list_models() + packaged, most=3)
        raise ValueError(
            f'clip.model={model!r} is neither an architecture of open_clip, a folder with '
            f'{CONFIG_FILE}, nor packaged ({", ".join(packaged)}){hint}'
        )
    return config, None


def local_config(model: str) -> dict | None:
    """open_clip's ``model_cfg`` of a folder on this machine; None for what is known anywhere.

    Args:
        model: as for :func:`load_clip`.

    Raises:
        ValueError: neither a folder nor a known name.
    """
    config, folder = model_config(model)
    return None if folder is None or folder.parent == PACKAGED else deepcopy(config)


def _resolve_weights(
    model: str | dict, config: dict, pretrained: str | None, folder: Path | None
) -> Path | None:
    """The file of weights, its activation checked against the model's."""
    if pretrained is None:
        return None
    if pretrained == 'auto':
        if folder is None:
            raise ValueError(
                f"clip.pretrained='auto' needs clip.model to be a folder, got {model!r}; "
                'give an open_clip tag such as openai, or a file'
            )
        return _hub_weights(model) if str(model).startswith(HUB) else folder / _WEIGHTS
    path = Path(pretrained)
    if path.suffix or path.is_file():
        return path
    if not isinstance(model, str) or folder is not None:
        raise FileNotFoundError(f'clip.pretrained: no file {pretrained!r}')
    return downloaded_weights(model, pretrained, bool(config.get('quick_gelu')))


def _hub_weights(model: str) -> Path:
    """The file in the Hub's cache; the pickled one, which is not executed, if there is no other."""
    for name in (_WEIGHTS, _PICKLED):
        path = from_hub(model, [CONFIG_FILE, name]) / name
        if path.is_file():
            return path
    raise ValueError(
        f'clip.model={model!r}: neither {_WEIGHTS} nor {_PICKLED} is in it; give '
        'clip.pretrained=/path/to/weights'
    )


def fault_of_clip(model: str | dict, pretrained: str | None) -> str | None:
    """What keeps a CLIP from loading, as far as files tell; nothing is built or downloaded.

    Args:
        model, pretrained: as for :func:`load_clip`.

    Returns:
        The fault in a sentence, None where no file is missing.
    """
    try:
        _, folder = model_config(model)
    except ValueError as error:
        return f'model.{error}'
    except UserError as error:
        return f'model.clip.model={error}'
    if pretrained == 'auto' and folder is not None and not str(model).startswith(HUB):
        path = folder / _WEIGHTS
        return None if path.is_file() else f'model.clip.model={model}: {path} is missing'
    # Anything else without a suffix is a tag, which open_clip downloads.
    if isinstance(pretrained, str) and Path(pretrained).suffix and not Path(pretrained).is_file():
        return f'model.clip.pretrained={pretrained}: no such file'
    return None


def _build(config: dict) -> nn.Module:
    config = deepcopy(config)
    _check_towers(config)
    if config.get('text_cfg', {}).get('hf_model_name'):
        raise ValueError(
            'CLIP models with a Hugging Face text tower are not supported: their text is not '
            'causal; choose one with open_clip text transformer'
        )
    tower = config.get('vision_cfg', {}).get('timm_model_name')
    if tower is not None:
        if not (isinstance(tower, str) and timm.is_model(tower)):
            raise ValueError(
                f'clip.model: timm_model_name={tower!r} is no architecture of timm; names of '
                'places to download from are not followed'
            )
        # timm would download weights and unpickle them; ours are loaded, strictly, afterwards.
        config['vision_cfg'] = {**config['vision_cfg'], 'timm_model_pretrained': False}
    custom = config.pop('custom_text', False)
    config.pop('multimodal_cfg', None)
    try:
        clip = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**config)
    except Exception as error:  # whatever open_clip makes of a config from elsewhere
        raise ValueError(f'clip.model is not a valid open_clip model_cfg: {error}') from error
    # Read by TextEncoder: names become tokens by CLIP's own byte pairs, or by this one.
    clip.foreign_tokenizer = config.get('text_cfg', {}).get('hf_tokenizer_name')
    return clip


def _check_towers(config: dict) -> None:
    """Raises for towers that are no dicts, or too large for any machine."""
    for name in ('vision_cfg', 'text_cfg'):
        tower = config.get(name, {})
        if not isinstance(tower, dict):
            raise ValueError(f'clip.model: {name} must be a dict, got {tower!r}')
        for key, value in tower.items():
            for number in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(number, int) and number > (_DEEPEST if key == 'layers' else _WIDEST):
                    raise ValueError(f'clip.model: {name}.{key}={number:,} is no size of a CLIP')


def backbone_type(visual: nn.Module) -> str:
    """The registered backbone that wraps an image tower: CLIPResNet, CLIPViT or CLIPTimm."""
    if isinstance(visual, TimmModel):
        return 'CLIPTimm'
    return 'CLIPResNet' if isinstance(visual, ModifiedResNet) else 'CLIPViT'

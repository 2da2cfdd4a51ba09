"""Our values of recorded losses, adapters and choices of weakly supervised segmentation."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import functional as TF

from ..clip import TextEncoder, load_clip
from ..clip.pixels import clip_pixels
from ..weak.adapters import Adapter
from ..weak.losses import (
    MaskedViews,
    background_suppression_loss,
    clims_losses,
    masked_views,
    tagged_pairs,
    weighted,
)
from ..weak.selection import choose_names, masked_pictures
from .recorded_towers import Recorded

_SIZE = 224
_HEAD = 64  # all heads of the recorded towers
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def recorded_clip(file: Recorded) -> nn.Module:
    """open_clip's model with the recorded weights, frozen, sizes read from their shapes."""
    state = {name: value.float() for name, value in file.state().items()}
    visual = state['visual.conv1.weight']
    positions = state['visual.positional_embedding'].shape[0] - 1
    length, text = state['positional_embedding'].shape
    blocks = [name.split('.') for name in state]
    vision_layers = {n[3] for n in blocks if n[:2] == ['visual', 'transformer']}
    text_layers = {n[2] for n in blocks if n[0] == 'transformer'}
    ids = file.tensor('token_rows/ids').long()
    clip = load_clip(
        dict(
            embed_dim=state['text_projection'].shape[1],
            quick_gelu=True,
            vision_cfg=dict(
                layers=len(vision_layers),
                width=visual.shape[0],
                head_width=_HEAD,
                patch_size=visual.shape[-1],
                image_size=round(positions**0.5) * visual.shape[-1],
            ),
            text_cfg=dict(
                context_length=length,
                vocab_size=max(49408, int(ids.max()) + 1),
                width=text,
                heads=text // _HEAD,
                layers=len(text_layers),
            ),
        )
    )
    missing, unknown = clip.load_state_dict(state, strict=False)
    if unknown or set(missing) - {'token_embedding.weight', 'attn_mask'}:
        raise ValueError(f'weights of another network: {[*unknown, *missing][:5]}')
    with torch.no_grad():
        clip.token_embedding.weight[ids] = file.tensor('token_rows/values').float()
    return clip.eval().requires_grad_(False)


def imagenet_pictures(pictures: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, H, W), normalised with ImageNet's mean and deviation."""
    mean, std = (torch.tensor(three) for three in _IMAGENET)
    return ((pictures / 255 - mean) / std).permute(0, 3, 1, 2)


def loss_values(file: Recorded, clip: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The four losses, their inputs and gradients, and the optimiser's steps."""
    arrays, config = file.tensor, file.config
    maps = arrays('maps').float().requires_grad_()
    pairs = tagged_pairs(arrays('label'))
    yield 'pairs', pairs
    views = masked_views(imagenet_pictures(arrays('image')), maps, pairs, _SIZE)
    yield 'foreground_mean', views.foreground.mean((2, 3))
    yield 'background_mean', views.background.mean((2, 3))
    yield 'foreground0_stride16', views.foreground[0, :, ::16, ::16]
    yield 'background0_stride16', views.background[0, :, ::16, ::16]
    front, back = clip.visual(views.foreground), clip.visual(views.background)
    text = clip.encode_text(arrays('token_ids').long())
    phrases = clip.encode_text(arrays('background_token_ids').long())
    yield from {
        'embed/image_fg': front,
        'embed/image_bg': back,
        'embed/text': text,
        'embed/text_background': phrases,
        'sim_fg': F.cosine_similarity(front, text),
        'sim_bg': F.cosine_similarity(back, text),
    }.items()
    against = F.normalize(front, dim=-1) @ F.normalize(phrases, dim=-1).T
    yield 'sim_cbs', against
    losses = clims_losses(front, back, text, phrases, maps, threshold=config['threshold'])
    losses['total'] = weighted(losses, config['weights'])
    for name, loss in losses.items():
        yield f'loss/{name}', loss
        yield f'grad/{name}', torch.autograd.grad(loss, maps, retain_graph=True)[0]
    for name, weights in file.text('alternative_weights').items():
        named = dict(zip(('otm', 'btm', 'cbs', 'reg'), weights, strict=True))
        yield f'total_{name}', weighted(losses, named)
    other = float(arrays('other_threshold'))
    yield 'loss/cbs_other_threshold', background_suppression_loss(against, other)
    yield 'loss/cbs_none_above', background_suppression_loss(against, 2.0)
    yield from _optimiser_values(file)


def _optimiser_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    config = file.text('optim/config')
    weights = [nn.Parameter(row.clone()) for row in file.tensor('optim/start')]
    groups = [dict(params=[w], lr=lr) for w, lr in zip(weights, config['lr'], strict=True)]
    names = ('momentum', 'weight_decay', 'dampening', 'nesterov')
    optimiser = torch.optim.SGD(groups, **{name: config[name] for name in names})
    values, rates = [], []
    for step, grads in enumerate(file.tensor('optim/grads')):
        if step < config['max_step']:
            factor = (1 - step / config['max_step']) ** config['power']
            for group, base in zip(optimiser.param_groups, config['lr'], strict=True):
                group['lr'] = base * factor
        for weight, grad in zip(weights, grads, strict=True):
            weight.grad = grad
        optimiser.step()
        rates.append([group['lr'] for group in optimiser.param_groups])
        values.append(torch.stack([weight.detach().clone() for weight in weights]))
    yield 'optim/values', torch.stack(values)
    yield 'optim/lr', torch.tensor(rates, dtype=torch.float64)


def adapter_values(
    file: Recorded, pictures: Recorded, clip: nn.Module
) -> Iterator[tuple[str, Tensor]]:
    """Adapters, and learned prompts, on the pictures and maps of the file of losses."""
    maps = pictures.tensor('maps').float().requires_grad_()
    pairs = tagged_pairs(pictures.tensor('label'))
    views = masked_views(imagenet_pictures(pictures.tensor('image')), maps, pairs, _SIZE)
    views = MaskedViews(clip.visual(views.foreground), clip.visual(views.background))
    text = clip.encode_text(file.tensor('token_ids').long())
    phrases = clip.encode_text(pictures.tensor('background_token_ids').long())
    for case in ('start', 'learned'):
        yield from _case_values(file, case, views, text, phrases, maps)
    for case in ('coop', 'defo'):
        yield from _prompt_values(file, case, clip, views.foreground.detach(), pairs[:, 1])


def _case_values(
    file: Recorded, case: str, views: MaskedViews, text: Tensor, phrases: Tensor, maps: Tensor
) -> Iterator[tuple[str, Tensor]]:
    adapters = {}
    for tower in ('image', 'text'):
        prefix = f'{case}/{tower}/'
        named = [name for name in file.arrays if name.startswith(prefix)]
        state = {name.removeprefix(prefix): file.tensor(name) for name in named}
        hidden, width = state['fc.0.weight'].shape
        adapters[tower] = Adapter(width, hidden)
        adapters[tower].load_state_dict(state)
    image, words = adapters['image'], adapters['text']
    yield f'{case}/embed_text', text
    yield f'{case}/adapted_text', words.fc(text)
    yield f'{case}/adapted_image_fg', image.fc(views.foreground)
    yield f'{case}/adapted_image_bg', image.fc(views.background)
    front, back, mixed = image(views.foreground), image(views.background), words(text)
    yield f'{case}/sim_fg', F.cosine_similarity(front, mixed)
    yield f'{case}/sim_bg', F.cosine_similarity(back, mixed)
    losses = clims_losses(
        front,
        back,
        mixed,
        phrases,
        maps,
        threshold=file.config['threshold'],
        plain_foreground=views.foreground,
    )
    for name in ('otm', 'btm', 'cbs'):
        yield f'{case}/loss/{name}', losses[name]
    yield f'{case}/loss/total', weighted(losses, file.config['weights'])
    leaves = {'maps': maps}
    for tower, adapter in adapters.items():
        leaves |= {f'{tower}/{name}': value for name, value in adapter.named_parameters()}
    for name in ('otm', 'btm'):
        grads = torch.autograd.grad(losses[name], list(leaves.values()), retain_graph=True)
        for leaf, grad in zip(leaves, grads, strict=True):
            yield f'{case}/grad/{name}/{leaf}', grad


def _prompt_values(
    file: Recorded, case: str, clip: nn.Module, front: Tensor, classes: Tensor
) -> Iterator[tuple[str, Tensor]]:
    ids = file.tensor(f'{case}/token_ids').long()
    embeddings = clip.token_embedding(ids)
    leaves = {'context': file.tensor(f'{case}/context').requires_grad_()}
    count = len(leaves['context'])
    parts = [embeddings[:, :1], leaves['context'].expand(len(ids), -1, -1)]
    rest = embeddings[:, 1 + count :]
    if case == 'defo':
        leaves['class_tokens'] = file.tensor('defo/class_tokens').requires_grad_()
        parts.append(leaves['class_tokens'][classes][:, None])
        rest = rest[:, 1:]
    text = TextEncoder(clip).encode_embeddings(torch.cat([*parts, rest], 1), ids.argmax(1))
    similarity = F.cosine_similarity(front, text)
    yield f'{case}/sim_fg', similarity
    loss = -similarity.clamp(1e-4, 0.9999).log().mean()
    yield f'{case}/loss/otm', loss
    grads = torch.autograd.grad(loss, list(leaves.values()))
    for leaf, grad in zip(leaves, grads, strict=True):
        yield f'{case}/grad/{leaf}', grad


def selection_values(file: Recorded, clip: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The choice of a name for every picture and class, as published, clean, and as in training."""
    config = file.config
    mean, std = (torch.tensor(three)[:, None, None] / 255 for three in clip_pixels({})[:2])
    for index in range(len(config['pictures'])):
        at = f'{index}/'
        picture = file.tensor(f'{at}image')
        cam = file.tensor(f'{at}cam').float()
        names = torch.stack([clip.encode_text(ids.long()) for ids in file.tensor(f'{at}token_ids')])
        yield f'{at}text', names
        for view in ('published', 'clean'):
            masked = masked_pictures(picture, cam, published=view == 'published')
            read = torch.stack([_clip_picture(one.numpy()) for one in masked])
            read = (read - mean) / std
            choice = choose_names(clip.visual(read), names)
            yield f'{at}{view}/masked', masked
            yield f'{at}{view}/input_mean', read.mean((2, 3))
            yield f'{at}{view}/similarity', choice.similarities
            scores = clip.logit_scale.exp() * choice.similarities
            yield f'{at}{view}/probability', scores.softmax(1)
            yield f'{at}{view}/choice', choice.index
        pairs = torch.stack([torch.zeros(len(cam)), torch.arange(len(cam))], 1).long()
        view = masked_views(imagenet_pictures(picture[None]), cam[None], pairs, _SIZE)
        choice = choose_names(clip.visual(view.foreground), names)
        yield f'{at}training_view/similarity', choice.similarities
        yield f'{at}training_view/choice', choice.index


def _clip_picture(picture: np.ndarray) -> Tensor:
    """CLIP's own preprocessing: the short side to its size, the centre; (3, 224, 224) in [0, 1]."""
    image = TF.resize(Image.fromarray(picture), _SIZE, TF.InterpolationMode.BICUBIC)
    return TF.to_tensor(TF.center_crop(image, [_SIZE, _SIZE]))

"""Loss, prediction, metric and slide inference of many classes, against the plain ways.

Every plain way is MMSegmentation's: ``F.interpolate`` of all K maps, then ``F.cross_entropy`` or
``argmax``; ``IoUMetric``'s histograms; slide inference that encodes the text for every window and
pads each window's maps to the full size. Memory is the peak above what the process held before
(inputs included there), each side in a process of its own; times are medians, interleaved.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from sides import in_own_process, interleaved, peak_extra

MIB = 2**20


def loss_ways(classes: int) -> dict[str, Callable[[], None]]:
    """Forward and backward at B = 2, 512 x 512, from logits of stride 4."""
    from icpc.upsampling import upsampled_cross_entropy

    logits = torch.randn(2, classes, 128, 128, requires_grad=True)
    labels = torch.randint(0, classes, (2, 512, 512))
    labels[:, :40] = 255

    def plain() -> None:
        full = F.interpolate(logits, size=(512, 512), mode='bilinear', align_corners=False)
        F.cross_entropy(full, labels, ignore_index=255).backward()
        logits.grad = None

    def ours() -> None:
        upsampled_cross_entropy(logits, labels).loss.backward()
        logits.grad = None

    return dict(plain=plain, ours=ours)


def predict_ways(height: int, width: int) -> dict[str, Callable[[], Tensor]]:
    """The best of 847 classes at full size, from logits of stride 4."""
    from icpc.upsampling import upsampled_argmax

    logits = torch.randn(1, 847, height // 4, width // 4)

    def plain() -> Tensor:
        full = F.interpolate(logits, size=(height, width), mode='bilinear', align_corners=False)
        return full.argmax(dim=1)

    return dict(plain=plain, ours=lambda: upsampled_argmax(logits, (height, width)))


def metric_ways() -> dict[str, Callable[[], Tensor]]:
    """One 512 x 683 picture at K = 150: the counts that each metric adds up."""
    from mmseg.evaluation import IoUMetric

    from icpc.evaluation.confusion import confusion

    prediction, label = torch.randint(0, 150, (2, 512, 683))
    label[:30] = 255

    def plain() -> Tensor:
        return torch.stack(IoUMetric.intersect_and_union(prediction, label, 150, 255))

    def ours() -> Tensor:
        return confusion(prediction, label, 150, 255)

    counts = ours()[:150, :150]
    hits, predicted, truth = counts.diagonal(), counts.sum(0), counts.sum(1)
    equal = torch.stack([hits, predicted + truth - hits, predicted, truth])
    if not torch.equal(plain().long(), equal):
        raise SystemExit('the two metrics count differently')
    return dict(plain=plain, ours=ours)


def slide_ways() -> dict[str, Callable[[], object]]:
    """Static prompts, RN50 and K = 150 with random weights, a 512 x 1536 picture."""
    from mmseg.models.segmentors import EncoderDecoder
    from padded_text import PaddedText

    from icpc import load_config

    config = load_config(
        'configs/coop/coop_rn50_fpn_80k_ade20k-512.py', ['model.clip.pretrained=None']
    )
    model = build(config)
    padded = PaddedText(model.prompter)
    picture = torch.randn(1, 3, 512, 1536)
    metas = [dict(ori_shape=(512, 1536))]

    def per_window(images: Tensor, _: list[dict]) -> Tensor:
        features = model.backbone(images)
        pyramid, _ = model.neck(features, padded(features))
        logits = model.decode_head.forward(pyramid)
        return F.interpolate(logits, size=images.shape[2:], mode='bilinear', align_corners=False)

    @torch.no_grad()
    def plain() -> Tensor:
        model.encode_decode = per_window
        logits = EncoderDecoder.slide_inference(model, picture, metas)
        del model.encode_decode
        return logits.argmax(dim=1)

    def ours() -> Tensor:
        return model.predict(picture)[0].pred_sem_seg.data

    if (plain() != ours()).float().mean() > 1e-3:
        raise SystemExit('the two ways of slide inference predict differently')
    return dict(plain=plain, ours=ours)


def build(config: object) -> torch.nn.Module:
    from mmengine.model import revert_sync_batchnorm
    from mmseg.registry import MODELS

    return revert_sync_batchnorm(MODELS.build(config.model)).eval()


WAYS: dict[str, Callable[[], dict]] = {
    'loss 847': lambda: loss_ways(847),
    'loss 150': lambda: loss_ways(150),
    'predict 1000 x 1500': lambda: predict_ways(1000, 1500),
    'predict 2000 x 3000': lambda: predict_ways(2000, 3000),
    'metric': metric_ways,
    'slide': slide_ways,
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--memory-of', nargs=2, metavar=('WHAT', 'SIDE'), help='used by itself')
    return parser.parse_args()


def memory(what: str, threads: int) -> dict[str, float]:
    """Extra peak of each side in MiB; of ours alone where the plain way would need 19 GiB."""
    sides = ('ours',) if what == 'predict 2000 x 3000' else ('plain', 'ours')
    return {
        side: in_own_process(__file__, [what, side, '--threads', str(threads)]) for side in sides
    }


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    if args.memory_of:
        what, side = args.memory_of
        print(json.dumps(peak_extra(WAYS[what]()[side])))
        return
    from mmseg.utils import register_all_modules

    import icpc  # noqa: F401  (fills the registry)

    register_all_modules(init_default_scope=True)
    kept = {what: memory(what, args.threads) for what in list(WAYS)[:4]}
    seconds = {}
    for what in ('loss 847', 'loss 150', 'predict 1000 x 1500', 'metric', 'slide'):
        rounds = args.rounds * (20 if what == 'metric' else 1)
        seconds[what] = interleaved(WAYS[what](), rounds)
    report(kept, seconds)


def report(kept: dict[str, dict[str, float]], seconds: dict[str, dict[str, float]]) -> None:
    """A table, then the figures that the claims are about."""
    for what in WAYS:
        for side in ('plain', 'ours'):
            mib = kept.get(what, {}).get(side)
            took = seconds.get(what, {}).get(side)
            print(
                f'{what:20} {side:6}'
                + (f'{mib:9.0f} MiB' if mib is not None else ' ' * 13)
                + (f'{took:10.4f} s' if took is not None else '')
            )
    share = {what: pair['ours'] / pair['plain'] for what, pair in kept.items() if len(pair) == 2}
    ratio = {what: pair['ours'] / pair['plain'] for what, pair in seconds.items()}
    print(f'loss_memory_share_150: {share["loss 150"]:.4f}')
    print(f'loss_time_ratio_150: {ratio["loss 150"]:.3f}')
    print(f'predict_2000x3000_MiB: {kept["predict 2000 x 3000"]["ours"]:.0f}')
    print(f'loss_memory_share: {share["loss 847"]:.4f}')
    print(f'loss_time_ratio: {ratio["loss 847"]:.3f}')
    print(f'predict_memory_share: {share["predict 1000 x 1500"]:.4f}')
    print(f'predict_time_ratio: {ratio["predict 1000 x 1500"]:.3f}')
    print(f'metric_speed_up: {1 / ratio["metric"]:.1f}')
    print(f'slide_speed_up: {1 / ratio["slide"]:.2f}')


if __name__ == '__main__':
    main()

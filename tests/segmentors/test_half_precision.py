"""What must not be computed in half precision, whatever the autocast."""

import pytest
import torch
from torch.nn import functional as F

from icpc.alignment import cosine_score_map, unit_length
from icpc.losses import AlignContrastiveLoss
from icpc.prompts.generators import CrossAttentionNet, MetaNet
from icpc.structures import CLIPFeatures
from icpc.upsampling import upsampled_cross_entropy

HALVES = pytest.mark.parametrize('half', [torch.bfloat16, torch.float16], ids=str)
SCALE = 65536.0  # GradScaler's default


@pytest.mark.parametrize('classes', [150, 847])
def test_gradient_of_the_fused_loss_under_the_loss_scale(classes):
    """Most classes are absent: each of their entries is some 1e-9, below what fp16 can hold."""
    torch.manual_seed(0)
    logits = torch.randn(1, classes, 32, 32).half()
    labels = torch.randint(0, 5, (1, 128, 128))
    scaler = torch.amp.GradScaler('cpu')
    assert scaler._init_scale == SCALE
    exact, half = logits.float().requires_grad_(), logits.clone().requires_grad_()
    F.cross_entropy(F.interpolate(exact, size=(128, 128), mode='bilinear'), labels).backward()
    loss = upsampled_cross_entropy(half, labels).loss
    scaler.scale(loss).backward()
    assert half.grad.dtype == torch.float16
    found, absent = half.grad.float() / SCALE, slice(5, None)
    assert (found - exact.grad).abs().max() < 1e-3 * exact.grad.abs().max()
    largest = exact.grad[:, absent].abs().max()
    assert (found - exact.grad)[:, absent].abs().max() < 1e-3 * largest
    assert (found[:, absent] != 0).all()


@HALVES
def test_score_map_is_float32(half):
    torch.manual_seed(0)
    dense, text = torch.randn(2, 64, 4, 4), torch.randn(2, 9, 64)
    exact = cosine_score_map(dense, text)
    with torch.autocast('cpu', half):
        assert torch.equal(cosine_score_map(dense, text), exact)
        rounded = cosine_score_map(dense.to(half), text.to(half))
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, cosine_score_map(dense.to(half).float(), text.to(half).float()))


@HALVES
def test_an_embedding_of_zeros_stays_finite(half):
    with torch.autocast('cpu', half):
        assert torch.equal(unit_length(torch.zeros(2, 3, dtype=half), dim=1), torch.zeros(2, 3))
    assert unit_length(torch.ones(1, 4).double(), dim=1).dtype == torch.float64


@HALVES
@pytest.mark.parametrize('kind', [MetaNet, CrossAttentionNet])
def test_generators_normalise_in_float32(half, kind, monkeypatch):
    seen = []
    plain = F.normalize

    def normalize(x, **options):
        seen.append(x.dtype)
        return plain(x, **options)

    monkeypatch.setattr(F, 'normalize', normalize)
    features = CLIPFeatures((), torch.randn(2, 8, 2, 2).to(half), torch.randn(2, 8).to(half))
    with torch.autocast('cpu', half):
        assert torch.isfinite(kind(8, 4, 8)(features)).all()
    assert seen == [torch.float32]


@HALVES
@pytest.mark.parametrize('base', ['icpc', 'denseclip', 'coop'])
def test_score_maps_of_a_whole_model(half, base, build, batch):
    model = build('vit', base).train()
    with torch.autocast('cpu', half):
        features = model.encode_images(batch[0])
        pyramid, score_maps = model.decoder_inputs(features, model.encode_text(features))
        losses = model.loss(*batch)
    assert {score_map.dtype for score_map in score_maps} == {torch.float32}
    assert all(level.dtype == half for level in pyramid)
    assert all(torch.isfinite(loss) for loss in losses.values())


@HALVES
def test_the_align_loss_of_half_embeddings(half):
    torch.manual_seed(0)
    dense, text = torch.randn(2, 16, 4, 4).to(half), torch.randn(1, 6, 16).to(half)
    labels = torch.randint(0, 6, (2, 16, 16))
    loss = AlignContrastiveLoss()
    exact = loss(CLIPFeatures((), dense.float(), None), text.float(), [], labels)
    with torch.autocast('cpu', half):
        assert torch.equal(loss(CLIPFeatures((), dense, None), text, [], labels), exact)

import copy

import pytest
import torch

from pcgen.errors import InputError
from pcgen.models import (
    Autoencoder,
    AutoencoderConfig,
    encoders,
    load_autoencoder,
    refine_latents,
    save_autoencoder,
)
from pcgen.models.decoders import PatchDecoder, cosine_basis, patch_grid
from pcgen.models.encoders import PointNetEncoder
from pcgen.ops import chamfer_distance

SMALL = AutoencoderConfig(latent_dim=16, input_points=128, width=32, blocks=1, patches=8)


def points(batch=2, n=300, seed=0):
    return torch.rand(batch, n, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def seeded(build):
    torch.manual_seed(0)
    return build()


def test_encoder_gradient_through_winners_equals_the_full_gradient(monkeypatch):
    monkeypatch.setattr(encoders, "_fast_bfloat16", lambda _: False)
    encoder, cloud = seeded(lambda: PointNetEncoder(8)), points()
    fast = torch.autograd.grad(encoder(cloud).square().sum(), encoder.parameters())
    full = encoder.norm(encoder.head(encoder._features(cloud).amax(1))).square()
    slow = torch.autograd.grad(full.sum(), encoder.parameters())
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_winners_found_in_bfloat16_are_nearly_the_winners(monkeypatch):
    monkeypatch.setattr(encoders, "_fast_bfloat16", lambda _: True)
    encoder, cloud = seeded(lambda: PointNetEncoder(8)), points()
    torch.testing.assert_close(encoder(cloud), encoder.eval()(cloud), atol=0.05, rtol=0)


def test_encoder_ignores_the_order_of_points():
    encoder, cloud = seeded(lambda: PointNetEncoder(8)).eval(), points()
    torch.testing.assert_close(encoder(cloud.flip(1)), encoder(cloud))


def test_cosine_basis_is_orthogonal_on_the_cell_centres():
    basis = cosine_basis(patch_grid(16), 4)
    gram = basis.T @ basis
    torch.testing.assert_close(gram - torch.diag(gram.diagonal()), torch.zeros(16, 16), atol=1e-4, rtol=0)
    assert (gram.diagonal() > 1).all()


@pytest.mark.parametrize("count", [1, 7, 16, 100])
def test_patch_grid_fills_the_unit_square(count):
    grid = patch_grid(count)
    assert grid.shape == (count, 2) and (grid > 0).all() and (grid < 1).all()
    assert (grid.mean(0) - 0.5).abs().max() < 0.5 / count**0.5


@pytest.mark.parametrize("count", [1, 8, 100, 128, 2048, 5000])
def test_decoder_gives_any_number_of_points(count):
    decoder = seeded(lambda: PatchDecoder(4, width=16, blocks=1, patches=8))
    assert decoder(torch.zeros(3, 4), count).shape == (3, count, 3)


def test_decoded_indices_correspond():
    """A small step of the latent moves each point a little: index i is the same place before and after."""
    decoder = seeded(lambda: PatchDecoder(4, width=16, blocks=1, patches=8))
    latents = torch.zeros(1, 4)
    step = decoder(latents + 1e-3, 512) - decoder(latents, 512)
    assert step.norm(dim=2).max() < 0.01


def test_jitter_stays_in_its_cells():
    decoder = PatchDecoder(4, width=8, blocks=1, patches=8)
    (uv,), _ = decoder.question(torch.empty(0), torch.Generator().manual_seed(0))
    assert (uv - patch_grid(16)).abs().max() <= 0.5 / 4 + 1e-6 and uv.std(0).min() > 0


def test_frozen_model_keeps_every_value_and_no_gradient():
    model = seeded(lambda: Autoencoder(SMALL)).freeze()
    before = copy.deepcopy(model.state_dict())
    cloud = points().requires_grad_()
    model.decode(model.encode(cloud)).sum().backward()
    assert cloud.grad is not None  # a frozen model still passes gradients to its input
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters()) and not model.training


def test_encode_reduces_any_number_of_points():
    model = seeded(lambda: Autoencoder(SMALL)).freeze()
    dense, sparse = points(n=4000), points(n=60)
    assert model.encode(dense).shape == model.encode(sparse).shape == (2, 16)
    assert not model.encode(dense).requires_grad


def test_checkpoint_rebuilds_the_model(tmp_path):
    model = seeded(lambda: Autoencoder(SMALL)).freeze()
    save_autoencoder(tmp_path / "a.safetensors", model, {"licence": "none"})
    loaded = load_autoencoder(tmp_path / "a.safetensors")
    assert loaded.config == SMALL
    torch.testing.assert_close(loaded.encode(points()), model.encode(points()), atol=1e-2, rtol=1e-2)


def test_refined_codes_fit_better_and_change_nothing_else():
    model = seeded(lambda: Autoencoder(SMALL)).freeze()
    before = copy.deepcopy(model.state_dict())
    cloud = points()
    first = model.encode(cloud)
    refined = refine_latents(model, first, cloud, steps=20)
    error = [chamfer_distance(model.decode(codes), cloud) for codes in (first, refined)]
    assert (error[1] < error[0]).all() and not refined.requires_grad
    assert torch.equal(first, model.encode(cloud))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    alone = refine_latents(model, first[:1], cloud[:1], steps=20)
    torch.testing.assert_close(refined[:1], alone, atol=1e-3, rtol=0)


def test_unknown_decoder_is_refused():
    with pytest.raises(InputError, match="did you mean 'flow'"):
        Autoencoder(AutoencoderConfig(decoder="flo"))

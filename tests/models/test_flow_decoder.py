import torch

from pcgen.models import Autoencoder, AutoencoderConfig
from pcgen.models.flow_decoder import FlowDecoder
from pcgen.ops import chamfer_distance, earth_movers_distance, nearest


def cloud(batch, n, seed=0):
    return torch.rand(batch, n, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def test_questions_lie_on_paths_that_end_in_the_target():
    target = cloud(2, 64)
    decoder = FlowDecoder(4, width=8, blocks=1)
    (places, time), velocity = decoder.question(target, torch.Generator().manual_seed(1))
    noise = places - time[:, None] * velocity
    torch.testing.assert_close(noise[0], noise[1])  # shared by the batch
    ends = noise + velocity
    dist2, index = nearest(ends, target)  # every target point once, in another order
    assert dist2.max() < 1e-8 and torch.equal(index.sort(1)[0], torch.arange(64).expand(2, -1))
    # The pairing is by optimal transport, within its tolerance.
    cost = velocity.square().sum(-1).mean(1)
    best = earth_movers_distance(noise, target, squared=True, exact=True)
    assert (cost <= 1.1 * best + 1e-6).all()


def test_field_learns_to_carry_noise_to_two_shapes():
    """One code for a square and one for a segment: soon each decode is its shape, at any number of points."""
    torch.manual_seed(0)
    square, segment = cloud(1, 256, 1), cloud(1, 256, 2)
    square[..., 2], segment[..., 1:] = 0, 0
    target, codes = torch.cat([square, segment]), torch.eye(2)
    decoder = FlowDecoder(2, width=64, blocks=2)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=3e-3)
    for step in range(150):
        question, truth = decoder.question(target, torch.Generator().manual_seed(step))
        loss = (decoder.answer(codes, *question) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for n in (100, 700):
        decoded = decoder(codes, n)
        own, other = chamfer_distance(decoded, target), chamfer_distance(decoded, target.flip(0))
        assert (own < 0.02).all() and (own < other / 5).all()


def test_equal_indices_correspond():
    torch.manual_seed(0)
    decoder, codes = FlowDecoder(4, width=16, blocks=1), torch.zeros(1, 4)
    step = decoder(codes + 1e-3, 512) - decoder(codes, 512)
    assert 0 < step.norm(dim=2).max() < 0.01


def test_flow_autoencoder_is_a_backbone():
    model = Autoencoder(AutoencoderConfig(decoder="flow", latent_dim=8, width=16, blocks=1, flow_steps=2)).freeze()
    decoded = model.decode(model.encode(cloud(2, 300)), 77)
    assert decoded.shape == (2, 77, 3) and not decoded.requires_grad

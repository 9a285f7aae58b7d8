"""Parts are exchanged, and everything else stays exactly as it was."""

import torch

from pcgen.parts import exchange_parts


def box(low, high, count, seed):
    low, high = torch.tensor(low), torch.tensor(high)
    return low + (high - low) * torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))


SEAT, OTHER_SEAT = (box([0.0, 0.4, 0], [1.0, 0.45, 1], 1500, seed) for seed in (0, 1))
ARMS, OTHER_ARMS = (box([0.0, 0.45, 0], [0.1, 0.9, 1], 700, seed) for seed in (2, 3))


def test_a_part_is_added():
    shape, index, removed = exchange_parts(SEAT, OTHER_SEAT, torch.cat([OTHER_SEAT, OTHER_ARMS]))
    kept = index >= 0
    assert removed == 0 and torch.equal(shape[kept], SEAT) and torch.equal(index[kept], torch.arange(1500))
    added = shape[~kept]
    assert 400 < len(added) < 700 and (added[:, 0] < 0.1).all()


def test_a_part_is_removed():
    whole = torch.cat([SEAT, ARMS])
    shape, index, removed = exchange_parts(whole, torch.cat([OTHER_SEAT, OTHER_ARMS]), OTHER_SEAT)
    assert 400 < removed < 700 and (index >= 0).all() and torch.equal(shape, whole[index])
    assert (index[:1500] == torch.arange(1500)).all()


def test_strays_of_the_decode_are_not_added():
    stray = torch.tensor([[0.5, 0.9, 0.5]])
    shape, index, removed = exchange_parts(SEAT, OTHER_SEAT, torch.cat([OTHER_SEAT, stray]))
    assert torch.equal(shape, SEAT) and removed == 0 and (index >= 0).all()


def test_equal_decodes_change_nothing():
    shape, index, removed = exchange_parts(SEAT, OTHER_SEAT, OTHER_SEAT)
    assert torch.equal(shape, SEAT) and removed == 0 and torch.equal(index, torch.arange(1500))

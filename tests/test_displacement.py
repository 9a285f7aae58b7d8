import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.displacement import DisplacementField, align_to


def cloud(n, seed):
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(seed))


def test_nothing_moves_when_nothing_changed():
    points, anchors = cloud(200, 0), cloud(100, 1)
    assert torch.equal(DisplacementField(points, anchors).apply(anchors), points)


def test_a_stretch_is_carried_over():
    points, anchors = cloud(500, 0), cloud(4000, 1)
    stretch = torch.tensor([1.0, 1.5, 1.0])
    moved = DisplacementField(points, anchors).apply(anchors * stretch)
    inside = ((points > 0.1) & (points < 0.9)).all(1)
    assert (moved - points * stretch).norm(dim=1)[inside].max() < 0.05


def test_only_the_neighbourhood_of_what_moved_moves():
    points, anchors = cloud(500, 0), cloud(1000, 1)
    changed = anchors.clone()
    changed[anchors[:, 0] < 0.2] += 1
    moved = (DisplacementField(points, anchors).apply(changed) - points).norm(dim=1)
    assert (moved[points[:, 0] > 0.7] == 0).all() and (moved[points[:, 0] < 0.05] > 0.8).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_align_undoes_scale_and_translation(seed, scale):
    reference = cloud(50, seed)
    torch.testing.assert_close(align_to(reference, reference * scale + 3), reference, atol=1e-4, rtol=1e-4)


def test_many_sets_of_anchors_carry_as_each_alone():
    points, anchors = torch.rand(300, 3), torch.rand(100, 3)
    field, moved = DisplacementField(points, anchors), torch.rand(4, 100, 3)
    assert torch.equal(field.apply(moved), torch.stack([field.apply(one) for one in moved]))

"""The shipped chair generator on real chairs it was not trained on, and on the shipped examples."""

import copy

import pytest
import torch

import pcgen
from pcgen import assets
from pcgen.data.layouts import realshapes as layout
from pcgen.errors import InputError
from pcgen.generator import turn
from pcgen.normalize import unit_diagonal


@pytest.fixture(scope="module")
def generator():
    return pcgen.load("chair")


@pytest.fixture(scope="module")
def chair():
    return assets.load("chair_dining").tensor()  # of the test split


def test_an_edit_reaches_the_request_and_holds_the_rest(generator, chair):
    for request in (0.4, 0.55):
        edit = generator.edit(chair, seat_height=request)
        assert abs(edit.after["seat_height"] - request) < 0.02
        assert abs(edit.after["back_height"] - edit.before["back_height"]) < 0.1
        assert abs(edit.after["width"] - edit.before["width"]) < 0.1
        assert edit.after["armrests"] == edit.before["armrests"]


def test_several_attributes_at_once(generator, chair):
    edit = generator.edit(chair, back_height=1.2, width=1.15)
    assert abs(edit.after["back_height"] - 1.2) < 0.1 and abs(edit.after["width"] - 1.15) < 0.06


def test_the_given_points_are_moved(generator, chair):
    edit = generator.edit(chair, seat_height=0.5)
    assert not edit.decoded and edit.points.shape == chair.shape
    distance = (edit.points - chair).norm(dim=1) / (chair[:, 1].max() - chair[:, 1].min())
    torch.testing.assert_close(edit.moved, distance, atol=1e-4, rtol=1e-3)
    assert edit.moved.max() < 0.3


def test_units_and_position_do_not_matter(generator, chair):
    edit = generator.edit(chair, seat_height=0.5)
    elsewhere = generator.edit(chair * 100 + torch.tensor([5.0, -7.0, 900.0]), seat_height=0.5)
    assert abs(elsewhere.after["seat_height"] - edit.after["seat_height"]) < 0.01
    torch.testing.assert_close(
        (elsewhere.points - torch.tensor([5.0, -7.0, 900.0])) / 100, edit.points, atol=2e-2, rtol=0
    )


def test_new_parts_are_added_and_the_given_points_stay(generator, chair):
    edit = generator.edit(chair, armrests=True)  # it has none
    assert edit.after["armrests"] == 1 and edit.added > 50
    if not edit.decoded:
        kept = edit.source >= 0
        torch.testing.assert_close(edit.points[kept], chair[edit.source[kept]], atol=1e-4, rtol=0)
        assert kept.sum() == len(chair) - edit.removed
    same = generator.edit(chair, armrests=False, seat_height=0.5)
    assert same.added == same.removed == 0


def test_a_decode_on_demand(generator, chair):
    edit = generator.edit(chair, seat_height=0.5, decoded=True)
    assert edit.decoded and edit.points.shape == chair.shape and abs(edit.after["seat_height"] - 0.5) < 0.03


def test_a_locked_attribute_stays(generator, chair):
    edit = generator.edit(chair, seat_height=0.5, lock=["width"])
    assert abs(edit.after["width"] - edit.before["width"]) < 0.03 and set(edit.bound) == {"seat_height", "width"}
    with pytest.raises(InputError, match="both locked and requested"):
        generator.edit(chair, width=1.0, lock=["width"])
    with pytest.raises(InputError, match="did you mean 'width'"):
        generator.edit(chair, seat_height=0.5, lock=["widht"])


def test_editing_changes_nothing_of_the_backbone(generator, chair):
    before = copy.deepcopy(generator.backbone.state_dict())
    generator.edit(chair, seat_height=0.5)
    assert all(torch.equal(before[name], value) for name, value in generator.backbone.state_dict().items())


def test_a_bound_is_in_proportion_to_what_is_uncertain(generator, chair):
    edit = generator.edit(chair, seat_height=0.5)
    errors = generator.plugin.errors[edit.population]
    factor = edit.bound["seat_height"] / edit.spread["seat_height"]
    assert edit.population == "real" and errors.dim() == 3 and 0 < factor < errors[..., 0].nan_to_num(0).max() + 1e-3
    assert edit.spread["seat_height"] >= 0.02 * 0.5  # of the range
    surer = generator.edit(chair, seat_height=0.5, level=0.5)
    assert surer.bound["seat_height"] < edit.bound["seat_height"]
    few = generator.edit(chair[:1000], seat_height=0.5)
    assert "fewer than 2048 points" in few.doubt and few.bound["seat_height"] == torch.inf


def test_an_odd_number_of_points_is_no_trouble(generator, chair):
    assert len(generator.edit(chair[:3001], seat_height=0.5).points) == 3001


def test_edits_are_deterministic(generator, chair):
    first, second = (generator.edit(chair, seat_height=0.5).points for _ in range(2))
    assert torch.equal(first, second)


def test_samples_have_the_requested_attributes(generator):
    shapes = generator.sample(8, seed=3, seat_height=0.5)
    values, measurable = generator.measure(shapes)
    assert shapes.shape == (8, 2048, 3) and measurable[:, 0].all()
    assert (values[:, 0] - 0.5).abs().median() < 0.02


def test_samples_are_seeded_and_differ(generator):
    two = generator.sample(2, seed=1)
    torch.testing.assert_close(generator.sample(4, seed=1)[:2], two, atol=1e-5, rtol=0)
    assert (generator.sample(2, seed=2) - two).abs().mean() > 0.05 and (two[0] - two[1]).abs().mean() > 0.05


def test_reconstruction_stays_in_place(generator, chair):
    far = chair * 3 + 10
    rebuilt = generator.reconstruct(far, num_points=500)
    assert rebuilt.shape == (500, 3) and (rebuilt.mean(0) - far.mean(0)).norm() < 0.5


def test_interpolation_ends_at_its_ends(generator, chair):
    other = assets.load("chair_tubular").tensor()
    path = generator.interpolate(chair, other, steps=5, num_points=256)
    assert path.shape == (5, 256, 3)
    latent = generator.backbone.encode(unit_diagonal(other).apply(other)[None])
    torch.testing.assert_close(path[-1], generator.backbone.decode(latent, 256)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("quarters", range(4))
def test_the_front_is_found(generator, chair, quarters):
    turned = turn(chair, quarters)
    assert (quarters + generator.quarter_turns(turned)) % 4 == 0


def test_the_front_of_real_test_chairs_is_found(generator, realshapes):
    records = [r for r in layout.list_shapes(realshapes, "chair", split="test") if "stool" not in r.name.lower()]
    found = [generator.quarter_turns(layout.load(realshapes, record).tensor()) == 0 for record in records]
    assert sum(found) >= 0.8 * len(found), [r.id for r, ok in zip(records, found, strict=True) if not ok]


def test_real_test_chairs_reach_the_request(generator, realshapes):
    errors = []
    for record in layout.list_shapes(realshapes, "chair", split="test"):
        points = layout.load(realshapes, record).tensor()
        before, measurable = generator.measure(points[None])
        if not measurable[0, :3].all():
            continue
        request = (before[0, 0] + (0.06 if before[0, 0] < 0.5 else -0.06)).item()
        edit = generator.edit(points, seat_height=request)
        errors.append(abs(edit.after["seat_height"] - request))
    assert len(errors) >= 8 and torch.tensor(errors).median() < 0.015, errors


@pytest.mark.parametrize(
    ("points", "request_", "message"),
    [
        (torch.rand(300, 3), {}, "nothing was requested; known attributes: seat_height"),
        (torch.rand(300, 3), {"seat_hight": 0.5}, "did you mean 'seat_height'"),
        (torch.rand(300, 3), {"seat_height": 7}, "seat_height must be between"),
        (torch.rand(20, 3), {"seat_height": 0.5}, "at least 256 points"),
        (torch.rand(2, 300, 3), {"seat_height": 0.5}, r"must have shape \[N, 3\]"),
    ],
)
def test_mistakes_are_explained(generator, points, request_, message):
    with pytest.raises(InputError, match=message):
        generator.edit(points, **request_)


def test_unknown_generators_are_explained():
    with pytest.raises(InputError, match="did you mean 'chair'"):
        pcgen.load("chiar")

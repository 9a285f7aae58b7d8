from __future__ import annotations

import pytest
import torch

from pcgen.attributes.components import centred, components, group_sum


def test_pieces_are_told_apart_by_two_empty_cells():
    cells = torch.tensor([[[0, 0], [0, 2], [0, 5], [3, 5], [6, 5]]])
    group = components(cells, torch.ones(1, 5, dtype=torch.bool), grid=8)[0].tolist()
    assert group[0] == group[1] and len({group[0], group[2], group[3], group[4]}) == 4


def test_a_winding_piece_is_one_piece():
    snake = torch.tensor([[[x, y] for y in range(0, 16, 4) for x in range(16)]])
    bends = torch.tensor([[[15 if (y // 4) % 2 == 0 else 0, y + 2] for y in range(0, 12, 4)]])
    cells = torch.cat([snake, bends], dim=1)
    group = components(cells, torch.ones(cells.shape[:2], dtype=torch.bool), grid=16)
    assert len(group.unique()) == 1


def test_points_that_are_not_used_join_nothing():
    cells = torch.tensor([[[0, 0], [2, 0], [4, 0]]])
    group = components(cells, torch.tensor([[True, False, True]]), grid=8)[0].tolist()
    assert group[1] == -1 and group[0] != group[2]


def test_sums_of_groups_leave_out_those_without():
    total = group_sum(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0, -1, 0]]), 2)
    assert total.tolist() == [[5.0, 0.0]]


def test_a_slanting_leg_is_centred_on_its_axis():
    y = torch.linspace(0, 1, 400)[None]
    wobble = torch.tensor([0.1, -0.1]).repeat(200)[None]
    group = (torch.arange(400) >= 200).long()[None]
    x = torch.where(group == 0, 3 + 2 * y, -1 - y) + wobble
    assert centred(x, y, group, 2)[0].tolist() == pytest.approx(wobble[0].tolist(), abs=0.005)

"""``pcgen reconstruct``: what the frozen backbone makes of given shapes, and how far off it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pcgen.cli._input import add_axes, read, to_frame

if TYPE_CHECKING:
    from torch import Tensor

    from pcgen.generator import Generator

HELP = "encode and decode given shapes, and measure what is lost"
EXAMPLES = """\
  pcgen reconstruct chair.obj table.ply -o out/
  pcgen reconstruct chair.glb --up z --front x
  pcgen reconstruct chair_tubular chair_dining    (shipped examples: no files needed)"""
POINTS = 2048  # of each of the two draws that are compared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", nargs="+", help="meshes or point clouds, or shipped examples")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/reconstruct"), help="output folder (%(default)s)")
    parser.add_argument("--model", default="chair", help="shipped generator, or folder of one (%(default)s)")
    parser.add_argument(
        "--refine", type=int, default=40, metavar="STEPS", help="fit the code to the points (%(default)s; 0: do not)"
    )
    add_axes(parser)
    parser.add_argument("--seed", type=int, default=0, help="sampling of points (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct, report, write one PLY per file, ``reconstruct.png`` and ``reconstruct.json``."""
    import pcgen
    from pcgen.cli._output import prepare_folder, print_table, write_record
    from pcgen.errors import InputError
    from pcgen.pointcloud import PointCloud
    from pcgen.viz.layout import samples, save_png

    if arguments.refine < 0:
        raise InputError("--refine must be at least 0")
    generator = pcgen.load(arguments.model)
    names = _distinct([Path(file).stem for file in arguments.file])
    tiles, captions, records = [], [], []
    clouds = {}
    for file, name in zip(arguments.file, names, strict=True):
        cloud = read(file, None, arguments.seed)
        print(f"{file}: {len(cloud)} points")
        rotation, front = to_frame(generator, cloud, arguments.up, arguments.front)
        seen, other = _two_draws(cloud.tensor() @ rotation.T, arguments.seed)
        decoded = generator.reconstruct(seen, num_points=len(other), refine=arguments.refine)
        scores = _scores(generator, seen, other, decoded)
        print()
        print_table(_rows(scores))
        print()
        clouds[name] = decoded @ rotation
        tiles += [_normalised(generator, seen, seen).numpy(), _normalised(generator, seen, decoded).numpy()]
        captions += [name, f"reconstructed, {scores['chamfer'] / scores['chamfer_floor']:.1f} x floor"]
        records.append({"file": file, "front": front, **scores})

    out = prepare_folder(arguments.out)
    for name, points in clouds.items():
        PointCloud(points.numpy()).save(out / f"{name}.ply")
    save_png(samples(tiles, captions=captions, columns=2 if len(names) < 4 else 4), out / "reconstruct.png")
    write_record(out / "reconstruct.json", {"seed": arguments.seed, "refine": arguments.refine, "shapes": records})
    print("Distances are between independent draws, in half diagonals of the shape's bounding box;")
    print("the floor is the distance between two draws of the shape itself.")
    print(f"wrote {len(names)} clouds, {out / 'reconstruct.png'} and {out / 'reconstruct.json'}")
    return 0


def _two_draws(points: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two disjoint random subsets of equal size, at most 2048 each."""
    import torch

    size = min(POINTS, len(points) // 2)
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
    return points[order[:size]], points[order[size : 2 * size]]


def _scores(generator: Generator, seen: Tensor, other: Tensor, decoded: Tensor) -> dict[str, float]:
    from pcgen.ops import chamfer_distance, earth_movers_distance

    seen, other, decoded = (_normalised(generator, seen, cloud) for cloud in (seen, other, decoded))
    return {
        "chamfer": chamfer_distance(decoded, other).item(),
        "chamfer_floor": chamfer_distance(seen, other).item(),
        "emd": earth_movers_distance(decoded, other).item(),
        "emd_floor": earth_movers_distance(seen, other).item(),
    }


def _normalised(generator: Generator, reference: Tensor, points: Tensor) -> Tensor:
    """Points in the normalised coordinates of the reference."""
    from pcgen.normalize import NORMALIZATIONS

    return NORMALIZATIONS[generator.backbone.normalization](reference).apply(points)


def _rows(scores: dict[str, float]) -> list[list[str]]:
    rows = [["distance", "reconstruction", "sampling floor", "ratio"]]
    for name, label in (("chamfer", "Chamfer (squared)"), ("emd", "Earth Mover's")):
        value, floor = scores[name], scores[f"{name}_floor"]
        rows.append([label, f"{value:.5f}", f"{floor:.5f}", f"{value / floor:.2f}"])
    return rows


def _distinct(names: list[str]) -> list[str]:
    """The names, numbered where one occurs again, so that no file overwrites another."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return distinct

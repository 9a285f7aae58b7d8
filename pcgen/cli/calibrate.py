"""``pcgen calibrate``: find the error bounds of edits of given shapes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pcgen.cli._input import add_axes, read, to_frame

if TYPE_CHECKING:
    from torch import Tensor

    from pcgen.generator import Generator

POINTS = 4096

HELP = "find the error bounds of edits of given shapes, on shapes like yours"
EXAMPLES = """\
  pcgen calibrate --model chair mine/*.ply -o runs/my-chairs        (bounds for chairs like those)
  pcgen calibrate --model chair --real path/to/realshapes -o runs/chair
  pcgen calibrate --model mug --procedural 60 -o runs/mug           (for want of real ones)
  pcgen edit chair.ply --model runs/my-chairs --set seat_height=0.5

Bounds at 90 % need at least 9 shapes on which an attribute can be measured, better 30, and none that the model was
trained on: it reconstructs those better than others."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("files", nargs="*", help="meshes or point clouds of the category")
    parser.add_argument("--model", required=True, help="shipped generator, or folder of one")
    parser.add_argument(
        "--real", type=Path, help="folder of real shapes: those of its training split that no model was trained on"
    )
    parser.add_argument("--seen", action="store_true", help="and those that it was: where the others are too few")
    parser.add_argument("--procedural", type=int, default=0, metavar="N", help="calibrate on N procedural shapes")
    parser.add_argument("--edits", type=int, default=3, help="edits per shape and attribute (%(default)s)")
    add_axes(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the requests (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the calibrated generator")


def run(arguments: argparse.Namespace) -> int:
    """Edit every shape, and write a generator whose bounds are from how far off the edits were."""
    import pcgen
    from pcgen.checkpoint import load_checkpoint
    from pcgen.cli._output import prepare_folder, print_table
    from pcgen.errors import InputError
    from pcgen.files import atomic_writer
    from pcgen.generator import FILES, POPULATIONS, folder_of
    from pcgen.plugins import Calibrated
    from pcgen.training.fit import write_card
    from pcgen.training.steering import given_errors

    source = folder_of(arguments.model)
    generator = pcgen.load(source)
    plugin = generator.plugin
    if not isinstance(plugin, Calibrated):
        raise InputError(f"the plugin of {arguments.model} is not calibrated; fit one with `pcgen fit`")
    if sum(map(bool, (arguments.files, arguments.real, arguments.procedural))) != 1:
        raise InputError("give either files, or --real, or --procedural")
    clouds = _clouds(generator, arguments)
    population = "procedural" if arguments.procedural else "real"
    for other in POPULATIONS:
        plugin.errors.pop(other, None)
    plugin.set_errors(population, given_errors(generator, clouds, arguments.seed, arguments.edits))

    _, facts = load_checkpoint(source / FILES[2], "plugin")
    own = {"kind", "pcgen_version", *plugin.facts()}
    kept = {name: fact for name, fact in facts.items() if name not in own}
    out = prepare_folder(arguments.out)
    for name in FILES[:2]:
        with atomic_writer(out / name) as file:
            file.write((source / name).read_bytes())
    met = ", of which it was trained on some" if arguments.seen else ""
    said = f"{len(clouds)} {population} shapes{met} (edits of each per attribute: {arguments.edits})"
    plugin.save(out / FILES[2], kept | {"bounds": said})
    write_card(out)

    rows = [["90 % bound", "over spread", "shapes"]]
    errors = plugin.errors[population]
    for k, (spec, bound) in enumerate(zip(plugin.specs, plugin.bound(population).tolist(), strict=True)):
        rows.append([spec.name, f"{bound:.2f}", str(int((~errors[..., k].isnan()).any(1).sum()))])
    print_table(rows)
    print(f"\nwrote {out}; use it as --model {out}")
    return 0


def _clouds(generator: Generator, arguments: argparse.Namespace) -> list[Tensor]:
    """The shapes to edit, ``[N, 3]`` each, +Y up, -Z front."""
    import torch

    from pcgen.data.layouts import realshapes
    from pcgen.training.data import GENERATORS

    category = generator.backbone.category
    if arguments.procedural:
        # Procedural training shapes have the seeds of configs, which are small.
        drawn = GENERATORS[category](arguments.procedural, POINTS, 10_000 + arguments.seed, 0)
        return list(torch.from_numpy(drawn.points).float())
    if arguments.real:
        # Models are trained on permissively licensed shapes alone.
        permissive = None if arguments.seen else False
        records = realshapes.list_shapes(arguments.real, category, split="train", permissive=permissive)
        return [realshapes.load(arguments.real, record).tensor()[:POINTS] for record in records]
    clouds = [read(file, POINTS, arguments.seed) for file in arguments.files]
    return [cloud.tensor() @ to_frame(generator, cloud, arguments.up, arguments.front)[0].T for cloud in clouds]

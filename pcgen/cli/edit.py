"""``pcgen edit``: change attributes of a given shape."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgen.cli._input import add_axes, read, to_frame

if TYPE_CHECKING:
    from pcgen.generator import Edit, Generator
    from pcgen.pointcloud import PointCloud

HELP = "change attributes of a given shape and keep the rest"
EXAMPLES = """\
  pcgen edit chair.ply --set seat_height=0.5 -o out/
  pcgen edit chair.obj --set back_height=0.9 --set width=1.1
  pcgen edit chair.glb --set armrests=yes --lock width --up z --front x
  pcgen edit chair_tubular --set seat_height=0.55    (a shipped example: no file needed)

attributes of a chair:
  seat_height    top of the seat, of the height         back_height    back above the seat, of the width
  width          overall width, of the depth            back_tilt      how far the back leans, of the depth
  back_width     widest part of the back, of the width  seat_thickness underside to top, of the height
  leg_thickness  half way up, of the height             arm_height     armrests above the seat, of the back
  armrests       yes or no                              legs           uprights under the seat, 0 to 4"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", help="mesh or point cloud (ply obj off stl glb npz npy xyz), or a shipped example")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", required=True, help="an attribute; may be repeated"
    )
    parser.add_argument(
        "--lock", action="append", default=[], metavar="NAME", help="an attribute that must stay; may be repeated"
    )
    parser.add_argument("--level", type=float, default=0.9, help="probability with which the bound holds (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/edit"), help="output folder (%(default)s)")
    parser.add_argument("--model", default="chair", help="shipped generator, or folder of one (%(default)s)")
    parser.add_argument("--points", type=int, help="points to sample on a mesh, or to keep of a cloud")
    add_axes(parser)
    parser.add_argument("--decoded", action="store_true", help="write the plain decode instead of the moved points")
    parser.add_argument("--seed", type=int, default=0, help="sampling of points on a mesh (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Edit, report, write ``edited.ply``, ``edit.png`` and ``edit.json``."""
    import pcgen
    from pcgen.cli._output import parse_requests, prepare_folder, print_table, write_record
    from pcgen.pointcloud import PointCloud

    requests: dict[str, Any] = dict(parse_requests(arguments.set))
    generator = pcgen.load(arguments.model)
    cloud = read(arguments.file, arguments.points, arguments.seed)
    print(f"{arguments.file}: {len(cloud)} points")

    rotation, front = to_frame(generator, cloud, arguments.up, arguments.front)
    points = cloud.tensor() @ rotation.T
    options = {"decoded": arguments.decoded, "lock": arguments.lock, "level": arguments.level}
    edit = generator.edit(points, **options, **requests)

    rows = _rows(generator, edit)
    print()
    print_table(rows)
    print()
    print(_bound(edit, arguments.level))
    print(_what_moved(edit))

    out = prepare_folder(arguments.out)
    channels = _carried(cloud, edit) | {"moved": edit.moved.numpy()}
    PointCloud((edit.points @ rotation).numpy(), channels).save(out / "edited.ply")
    _picture(out / "edit.png", points, edit, rows)
    facts: dict[str, Any] = {
        "requested": edit.requested,
        "before": edit.before,
        "after": edit.after,
        "bound": {name: bound if math.isfinite(bound) else None for name, bound in edit.bound.items()},
        "level": arguments.level,
        "doubt": edit.doubt,
        "points_added": edit.added,
        "points_removed": edit.removed,
        "front": front,
        "seed": arguments.seed,
    }
    write_record(out / "edit.json", facts)
    print(f"wrote {out / 'edited.ply'}, {out / 'edit.png'}, {out / 'edit.json'}")
    return 0


def _carried(cloud: PointCloud, edit: Edit) -> dict[str, Any]:
    """Colours and labels travel with moved points; normals would have to turn with the surface, so better none.

    Points that the model drew have neither: zeros (black) stand for that.
    """
    if edit.decoded:
        return {}
    source = edit.source.numpy()
    channels = {name: values for name, values in cloud.channels.items() if name == "color" or values.ndim == 1}
    for name, values in channels.items():
        channels[name] = values[source]
        channels[name][source < 0] = 0
    return channels


def _rows(generator: Generator, edit: Edit) -> list[list[str]]:
    rows = [["attribute", "requested", "before", "after", "bound", "unit"]]
    for spec in generator.specs:
        requested = spec.format(edit.requested[spec.name]) if spec.name in edit.requested else "keep"
        before, after = spec.format(edit.before[spec.name]), spec.format(edit.after[spec.name])
        bound = edit.bound.get(spec.name, math.inf)
        within = "" if not math.isfinite(bound) else f"± {bound:.3f}" if spec.kind == "continuous" else f"± {bound:.0f}"
        rows.append([spec.name, requested, before, after, within, spec.unit])
    return rows


def _bound(edit: Edit, level: float) -> str:
    if edit.doubt is not None:
        return f"No bound is given for this edit: {edit.doubt}."
    if edit.population is None:
        return "No bound is given for this edit: the model has none for given shapes (`pcgen calibrate` finds them)."
    if not any(math.isfinite(bound) for bound in edit.bound.values()):
        return "No bound is given for this edit: it would be as wide as the range of what can be asked for."
    made = {"real": "", "procedural": ": procedural ones, for want of real ones"}[edit.population or "real"]
    return f"Bounds hold with {level:.0%} probability for shapes like those the model was calibrated on{made}."


def _what_moved(edit: Edit) -> str:
    if edit.decoded:
        return "The edited shape is a new decode; detail that the model cannot draw is lost."
    if edit.added or edit.removed:
        return (
            f"Parts changed: {edit.removed} of the given points were removed and {edit.added} drawn by the model were "
            f"added; the others moved by {edit.moved[edit.source >= 0].mean():.1%} of the shape's height on average."
        )
    return (
        f"The given points were moved: {edit.moved.mean():.1%} of the shape's height on average, "
        f"{edit.moved.max():.1%} at most."
    )


def _picture(path: Path, before: Any, edit: Edit, rows: list[list[str]]) -> None:
    from pcgen.viz.layout import before_after, save_png

    height = (before[:, 1].max() - before[:, 1].min()).item()
    moved = edit.moved.numpy() * height
    label = "distance from the given shape" if edit.decoded else "distance moved"
    save_png(before_after(before.numpy(), edit.points.numpy(), moved=moved, moved_label=label, rows=rows), path)

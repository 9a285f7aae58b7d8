"""How near procedural shapes come to real ones: is every real test shape as close to a procedural one as to a real one?

For each real test shape, the Chamfer distance to the nearest of many procedural shapes and to the nearest of the real
training shapes of its category (2048 points each, normalised to unit diagonal). Prints both medians and their ratio.
With ``--sheet`` it draws sheets of both kinds.

    python benchmarks/bm_realism.py chair path/to/realshapes
    python benchmarks/bm_realism.py chair path/to/realshapes --count 2000 --sheet realism.png --json realism.json
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pcgen import viz
from pcgen.data.layouts import realshapes
from pcgen.normalize import unit_diagonal
from pcgen.ops import chamfer_distance
from pcgen.training.data import GENERATORS

POINTS = 2048
COARSE = 256  # points with which candidates are ranked
FINALISTS = 100  # candidates that are then compared with all points, so the minimum is never too small


def normalised(points):
    points = torch.as_tensor(points, dtype=torch.float32)
    return unit_diagonal(points).apply(points)


def procedural(category, count, seed):
    """``[count, POINTS, 3]`` float16."""
    batches = [GENERATORS[category](min(500, count - i), POINTS, seed, i).points for i in tqdm(range(0, count, 500))]
    return torch.cat([normalised(batch).half() for batch in batches])


def real(root, category, split):
    records = realshapes.list_shapes(root, category, split=split)
    clouds = [realshapes.load(root, record).points[:POINTS] for record in records]
    return [record.id for record in records], normalised(np.stack(clouds))


def nearest_shape(shape, candidates):
    """Chamfer distance to the nearest of the candidates ``[M, POINTS, 3]`` and its number."""
    few = chamfer_distance(shape[:COARSE].expand(len(candidates), -1, -1), candidates[:, :COARSE].float())
    best = few.topk(min(FINALISTS, len(candidates)), largest=False)[1]
    exact = chamfer_distance(shape.expand(len(best), -1, -1), candidates[best].float())
    return exact.min().item(), int(best[exact.argmin()])


def sheet(tests, made, train, matches, path):
    """Real test shapes, each followed by its nearest procedural one, and sheets of random ones of both kinds."""
    pairs = [cloud for test, match in zip(tests, matches, strict=True) for cloud in (test, made[match].float())]
    rng = np.random.default_rng(0)
    picks = {
        "pairs": ("Real test shapes, each with its nearest procedural one", pairs[:64]),
        "procedural": ("Procedural", [made[i].float() for i in range(min(64, len(made)))]),
        "real": ("Real", [train[i] for i in rng.permutation(len(train))[:64]]),
    }
    for name, (title, clouds) in picks.items():
        picture = viz.samples(clouds, columns=8, size=(170, 170), title=title)
        viz.save_png(picture, path.with_stem(f"{path.stem}_{name}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("category", choices=sorted(GENERATORS))
    parser.add_argument("realshapes", type=Path, help="folder of real shapes with its manifest.csv")
    parser.add_argument("--count", type=int, default=10_000, help="procedural shapes (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write pictures next to this name")
    parser.add_argument("--json", type=Path, help="write the distances to this file")
    arguments = parser.parse_args()

    names, tests = real(arguments.realshapes, arguments.category, "test")
    _, train = real(arguments.realshapes, arguments.category, "train")
    made = procedural(arguments.category, arguments.count, arguments.seed)
    rows = []
    for name, test in zip(names, tests, strict=True):
        ours, match = nearest_shape(test, made)
        theirs, _ = nearest_shape(test, train)
        rows.append({"shape": name, "procedural": ours, "real": theirs, "match": match})
        print(f"{name:<45}{ours:>12.5f}{theirs:>12.5f}{ours / theirs:>8.2f}", flush=True)
    medians = {kind: statistics.median(row[kind] for row in rows) for kind in ("procedural", "real")}
    print(
        f"median nearest Chamfer distance of {len(rows)} real test shapes: {medians['procedural']:.5f} to "
        f"{arguments.count} procedural shapes, {medians['real']:.5f} to {len(train)} real training shapes; "
        f"ratio {medians['procedural'] / medians['real']:.2f}"
    )
    if arguments.sheet:
        sheet(tests, made, train, [row["match"] for row in rows], arguments.sheet)
    if arguments.json:
        facts = {"category": arguments.category, "count": arguments.count, "seed": arguments.seed, "median": medians}
        arguments.json.write_text(json.dumps(facts | {"shapes": rows}, indent=1))


if __name__ == "__main__":
    main()

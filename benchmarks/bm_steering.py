"""How fast edits are: one code without the loop, one given shape with everything, and many codes at once.

    python benchmarks/bm_steering.py
    python benchmarks/bm_steering.py --models chair table --threads 1

Given shapes are the shipped examples of the category, and shapes that the model draws where there are none, of 4096
points; each is asked to change every continuous attribute by a tenth of its range.
"""

import argparse
import statistics
import time

import torch

import pcgen
from pcgen import assets, weights
from pcgen.errors import InputError

POINTS, BATCH, REPEATS, STEP = 4096, 256, 20, 0.1
TARGETS = "| target | 5 | 5 | 60 | 5000 |"


def milliseconds(work, *arguments):
    """Median of some calls, after one that does not count."""
    work(*arguments)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work(*arguments)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def given_shapes(generator):
    category = generator.backbone.category
    names = [name for name in assets.names() if name.startswith(f"{category}_")]
    return [assets.load(name).tensor() for name in names] or list(generator.sample(4, seed=1, num_points=POINTS))


def edit_milliseconds(generator):
    """Median over shapes and attributes of the whole call: encoding, loop, moved points, measurements, bound."""
    times = []
    for cloud in given_shapes(generator):
        values, known = generator.measure(cloud[None])
        for k, spec in enumerate(generator.specs):
            if spec.kind != "continuous" or not known[0, k]:
                continue
            step = STEP * (spec.high - spec.low)
            has = values[0, k].item()
            request = {spec.name: has + step if has + step <= spec.high else has - step}
            try:
                generator.edit(cloud, **request)
                start = time.perf_counter()
                generator.edit(cloud, **request)
            except InputError:  # measurable on the whole cloud alone, or far outside the range
                continue
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


@torch.no_grad()
def row(name):
    generator = pcgen.load(name)
    backbone, plugin = generator.backbone, generator.plugin
    codes = generator.prior.sample(BATCH, seed=0)
    values = plugin.predict(codes)
    mask = torch.zeros_like(values, dtype=torch.bool)
    mask[:, 0] = True
    values[:, 0] = values[:, 0].flip(0)
    cloud = backbone.decode(codes[:1], POINTS)

    def open_loop():
        return backbone.decode(plugin.edit(backbone.encode(cloud), values[:1], mask[:1]))

    alone = milliseconds(plugin.edit, codes[:1], values[:1], mask[:1])
    many = BATCH / milliseconds(plugin.edit, codes, values, mask) * 1e3
    return f"| {name} | {alone:.1f} | {milliseconds(open_loop):.1f} | {edit_milliseconds(generator):.0f} | {many:.0f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=sorted(weights.folders()))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| model | code, ms | cloud to cloud, no loop, ms | given shape, loop and bound, ms | codes/s, 256 at once |")
    print("|---|---|---|---|---|")
    for name in arguments.models:
        print(row(name), flush=True)
    print(TARGETS)

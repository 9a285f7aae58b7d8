"""How fast the shipped models are: shapes decoded and encoded a second, and `pcgen generate` with its start.

python benchmarks/bm_models.py
python benchmarks/bm_models.py --models chair lamp --threads 2
"""

import argparse
import subprocess
import sys
import tempfile
import time

import torch

import pcgen
from pcgen import weights

POINTS, BATCH, SECONDS = 2048, 64, 1.5


@torch.no_grad()
def shapes_per_second(work, *arguments):
    """The best of rounds of a batch, over a second and a half: other processes only ever slow it down."""
    work(*arguments)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while (start := time.perf_counter()) < end:
        work(*arguments)
        best = min(best, time.perf_counter() - start)
    return BATCH / best


def generate_seconds(model):
    """Wall time of the command for 16 shapes, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pcgen.cli.main", "generate", model, "-n", "16", "-o", folder]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=sorted(weights.folders()))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| model | decode, shapes/s | encode, shapes/s | generate -n 16, s |\n|---|---|---|---|")
    for name in arguments.models:
        generator = pcgen.load(name)
        codes = generator.prior.sample(BATCH, seed=0)
        clouds = generator.backbone.decode(codes, POINTS)
        decode = shapes_per_second(generator.backbone.decode, codes, POINTS)
        encode = shapes_per_second(generator.backbone.encode, clouds)
        print(f"| {name} | {decode:.0f} | {encode:.0f} | {generate_seconds(name):.1f} |", flush=True)

"""`python -m ldikit.calibration.rendered`: draw training pictures into a folder of shards."""

import argparse
import re
import sys
from itertools import islice
from pathlib import Path

from ...reference.errors import InputError, LdikitError
from ...reference.files import check_new
from .make import KINDS


def main(arguments: list[str] | None = None) -> int:
    """Draw pictures as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ldikit.calibration.rendered", description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder with the unpacked packages")
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, default=10_000, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="192x256", help="height and width; every fourth picture is turned")
    parser.add_argument("--kind", choices=KINDS, help="of scene; all in their shares if not given")
    parser.add_argument("--views", type=int, default=6, help="pictures of each scene")
    parser.add_argument("--shard", type=int, default=250, help="pictures in a file")
    options = parser.parse_args(arguments)
    try:
        _make(options)
    except LdikitError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _make(options: argparse.Namespace) -> None:
    import numpy as np

    from .library import open_library
    from .make import pictures
    from .shards import write_shard

    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", options.size)
    if not found or min(options.count, options.views, options.shard) < 1 or options.seed < 0:
        raise InputError("size must be like 192x256, count, views and shard at least 1, seed not negative")
    height, width = int(found[1]), int(found[2])
    library = open_library(options.assets)
    sizes = [(height, width)] * 3 + [(width, height)]
    stream = pictures(library, options.seed, sizes, options.views, options.kind)
    options.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([options.seed, 1])
    for index in range(-(-options.count // options.shard)):
        path = options.output / f"{options.seed:03d}-{index:04d}.npz"
        check_new(path, overwrite=False)
        write_shard(
            path, list(islice(stream, min(options.shard, options.count - index * options.shard))), rng
        )
        sys.stdout.write(f"{path}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

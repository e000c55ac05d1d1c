"""`python -m bench.capacity results.json`: docs/capacity.md, from a saturated part and one at a rate.

Made from `make bench ARGS="--peers none --users 1000000 --shards 4 --rate 2000 --json results.json"`: no more
than the machine holds, as one that falls behind makes batches that are too large.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from bench.capacity.measured import measured_of
from bench.capacity.page import page
from bench.capacity.plan import Prices
from bench.processes import ROOT
from bench.report import Report

DEFAULT_PRICES = ROOT / "bench" / "prices.json"


def main() -> int:
    asked = _parser().parse_args()
    try:
        report = msgspec.json.decode(asked.results.read_bytes(), type=Report)
        prices = msgspec.json.decode(asked.prices.read_bytes(), type=Prices)
        text = page(report, measured_of(report), prices)
    except (OSError, msgspec.DecodeError, ValueError) as fault:
        print(f"{asked.results}, {asked.prices}: {fault}", file=sys.stderr)
        return 1
    if asked.out is None:
        print(text, end="")
    else:
        asked.out.write_text(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("results", type=Path, help="as `make bench` stores them")
    parser.add_argument("--prices", type=Path, default=DEFAULT_PRICES, help="in the form of bench/prices.json")
    parser.add_argument("--out", type=Path, help="where the page goes instead of stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())

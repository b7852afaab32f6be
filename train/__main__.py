"""Run ``spatialgraph train`` from a checkout, installed or not: ``python -m train EXPERIMENT …``."""

import sys

from spatialgraph.cli import main

main(["train", *sys.argv[1:]])

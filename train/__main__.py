"""Run ``spatialgraph train`` from a checkout, installed or not: ``python -m train EXPERIMENT …``."""

import sys

from spatialgraph.cli import main

sys.argv.insert(1, "train")
main()

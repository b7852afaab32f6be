"""Make the library and the stages importable from this checkout, installed or not, by their names here: `train`."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(ROOT))

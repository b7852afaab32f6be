"""The site: `make docs` builds it into build/docs. Warnings are errors, and links inside are checked."""

import importlib.util
import os
import sys
import warnings
from pathlib import Path

import spatialgraph

# Tutorials train networks so small that several threads of linear algebra would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).parent))

from generator.figures import scrape

project = "spatialgraph"
author = "The spatialgraph authors"
copyright = "2026, the spatialgraph authors"  # noqa: A001  # Sphinx calls it so
version = release = spatialgraph.__version__

HAS_TORCH = importlib.util.find_spec("torch") is not None

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "generator",
]
exclude_patterns = ["tutorials/*"]  # the gallery makes pages of these scripts, in generated/tutorials
nitpicky = False  # docstrings name things of other libraries, whose pages a build without a network cannot ask
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions, which are not kept between builds

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Docstrings name functions and classes of the project in single backticks.
default_role = "py:obj"
autodoc_mock_imports = [] if HAS_TORCH else ["torch", "torchvision"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
python_display_short_literal_types = True

html_theme = "furo"
html_title = f"spatialgraph {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"  # of the generator
html_theme_options = {"navigation_with_keys": True}

sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "generated/tutorials",
    # Without PyTorch the scripts are shown and not run.
    "filename_pattern": r"\.py$" if HAS_TORCH else r"(?!)",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,  # its page fetches scripts from elsewhere
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib", scrape),
    "capture_repr": ("_repr_html_", "__repr__"),
    "matplotlib_animations": False,
    "show_memory": False,
    "min_reported_time": 0,
}

# Figures are drawn by the gallery, without a screen: showing one says nothing new.
warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")

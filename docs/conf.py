"""Settings of the documentation, which `make docs` builds into `docs/_build/html`."""

import sys
from pathlib import Path

import goodpix

sys.path.insert(0, str(Path(__file__).parent))

project = "goodpix"
author = "goodpix developers"
version = release = goodpix.__version__
project_copyright = author

extensions = [
    "goodpixsite.notebooks",  # before myst_nb, whose import it makes faster
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "goodpixsite.commandline",
    "goodpixsite.keywords",
    "goodpixsite.maskbits",
    "goodpixsite.mathml",
    "goodpixsite.running",
]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]  # of names in docstrings those are links that have a page
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # goodpixsite.notebooks runs them, beside the pages
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # they have no widgets, and the scripts are on other machines

autodoc_typehints = "none"  # docstrings give types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
html_title = f"goodpix {version}"
html_static_path = ["_static"]
html_css_files = ["goodpix.css"]
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_sidebars = {
    "index": [],
    "start/index": [],
    "changelog": [],
    "citing": [],
    "contributing": [],
    "faq": [],
    "glossary": [],
}
html_theme_options = {
    "logo": {"text": "goodpix"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}

copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

"""Sphinx configuration: Markdown pages, and a reference read from the docstrings."""

from __future__ import annotations

from importlib.metadata import version as installed_version

from docutils import nodes
from sphinx.application import Sphinx

project = "crmcore"
author = "The crmcore authors"
copyright = f"2026, {author}"
version = release = installed_version("crmcore")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_llm.txt"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"crmcore {version}"
html_copy_source = False

default_role = "code"  # docstrings write `name` for code, as Markdown does
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 80

llms_txt_description = "The CRM domain model that Python applications embed."


def as_literal_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show an indented block of a docstring as it is written, as Markdown does."""
    del app, what, name, obj, options
    result: list[str] = []
    previous, literal = "", False
    for line in lines:
        indented = line.startswith("    ")
        starts = indented and not literal and not (result and result[-1].strip())
        if starts and not previous.startswith((" ", "- ", "* ")) and not previous.endswith("::"):
            result += ["::", ""]
        literal = indented or (literal and not line.strip())
        if line.strip():
            previous = line
        result.append(line)
    lines[:] = result


def without_abbreviations(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the Markdown copy of a page keep the `*` of a signature; it knows no abbreviations."""
    del docname
    if app.builder.name != "html":
        for node in list(doctree.findall(nodes.abbreviation)):
            node.replace_self(node.children)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-resolved", without_abbreviations)
    app.connect("autodoc-process-docstring", as_literal_blocks)

"""Sphinx configuration: Markdown pages, and a reference read from the docstrings."""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version
from typing import Any

import attrs
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
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "FloatArray": "FloatArray"}
maximum_signature_line_length = 80

ENDS_INSIDE_A_WORD = re.compile(r"(?<!`)(`[^`\n]+`)(?=\w)")  # `Order`s

llms_txt_description = "The CRM domain model that Python applications embed."


def as_restructured_text(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Docstrings are written as Markdown is: fences, indented blocks, and `names` in a word."""
    del app, what, name, obj, options
    result: list[str] = []
    previous, literal, fenced = "", False, False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
            result.append("")  # what a fence holds is a doctest, which needs no mark of its own
            continue
        indented = line.startswith("    ") and not fenced
        starts = indented and not literal and not (result and result[-1].strip())
        if starts and not previous.startswith((" ", "- ", "* ")) and not previous.endswith("::"):
            result += ["::", ""]
        literal = indented or (literal and not line.strip())
        if line.strip():
            previous = line
        plain = fenced or literal or line.lstrip().startswith((">>>", "..."))
        result.append(line if plain else ENDS_INSIDE_A_WORD.sub(r"\1\\ ", line))
    lines[:] = result


class Dots:
    """Stands for a default that is made anew for each object, or is too long to be shown."""

    def __repr__(self) -> str:
        return "..."


def with_short_defaults(app: Sphinx, function: Any, bound: bool) -> None:
    """Show at most forty characters of a default."""
    del app, bound

    def short(value: object) -> object:
        return Dots() if value is attrs.NOTHING or len(repr(value)) > 40 else value

    function = getattr(function, "__func__", function)
    if defaults := getattr(function, "__defaults__", None):
        function.__defaults__ = tuple(short(value) for value in defaults)
    if keywords := getattr(function, "__kwdefaults__", None):
        function.__kwdefaults__ = {name: short(value) for name, value in keywords.items()}


def without_abbreviations(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the Markdown copy of a page keep the `*` of a signature; it knows no abbreviations."""
    del docname
    if app.builder.name != "html":
        for node in list(doctree.findall(nodes.abbreviation)):
            node.replace_self(node.children)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-resolved", without_abbreviations)
    app.connect("autodoc-process-docstring", as_restructured_text)
    app.connect("autodoc-before-process-signature", with_short_defaults)

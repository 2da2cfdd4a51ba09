"""The documentation as a site: `make docs` writes docs/_build/html."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

project = 'icpc'
copyright = 'the authors of icpc'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
html_theme = 'furo'
html_title = 'icpc'
exclude_patterns = ['_build']
myst_heading_anchors = 4
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_use_ivar = True
lexers['mermaid'] = TextLexer()  # a drawing where GitHub shows it, its text here

# Files beside docs/ that are pages of the site too.
PAGES = {
    '../README.md': 'index.md',
    '../SECURITY.md': 'reporting.md',
    '../CHANGELOG.md': 'changes.md',
    '../icpc/assets/scenes_icpc/README.md': 'packaged_model.md',
}


def _to_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to those files lead to their pages."""
    for file, page in PAGES.items():
        source[0] = source[0].replace(f']({file}', f']({page}')


def _included_to_pages(app: Sphinx, path: object, name: str, source: list[str]) -> None:
    for file, page in PAGES.items():
        source[0] = source[0].replace(f']({file.removeprefix("../")}', f']({page}')
    source[0] = source[0].replace('](docs/', '](').replace('](examples/', '](../examples/')


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect('source-read', _to_pages)
    app.connect('include-read', _included_to_pages)

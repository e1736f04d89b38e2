"""Index entries of headings without their small words, so that a search by keywords finds the section."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

__all__ = ["keywords", "setup"]

_PAGES = ("faq", "howto/")


def keywords(title: str) -> str:
    """Return the words of a title that are worth a search."""
    return " ".join(word for word in title.split() if word.lower() not in SearchEnglish.stopwords)


def _enter(app: Sphinx, doctree: nodes.document) -> None:
    """Enter the sections of recipes and messages into the index."""
    if not app.env.docname.startswith(_PAGES):
        return
    for section in list(doctree.findall(nodes.section)):
        text, (target, *_) = keywords(section[0].astext()), section["ids"]
        section.insert(1, addnodes.index(entries=[("single", text, target, "main", None)]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("doctree-read", _enter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Code with a button that copies it."""

from pathlib import Path

import param
from panel.custom import JSComponent

from .markup import STYLE

__all__ = ["CodeBlock"]


class CodeBlock(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """Lines of code in the browser, as text, with a button that copies all of them."""

    code = param.String("")

    _esm = (Path(__file__).parent / "code.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel requires a list

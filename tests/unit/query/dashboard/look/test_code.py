"""Code with a button that copies it."""

from goodpix.query.dashboard.look.code import CodeBlock
from goodpix.query.dashboard.look.markup import STYLE


def test_code_is_text_that_the_script_of_the_block_inserts_as_such() -> None:
    block = CodeBlock(code="a < b")
    assert block.code == "a < b"
    assert "textContent = model.code" in CodeBlock._esm
    assert "innerHTML" not in CodeBlock._esm
    assert CodeBlock._stylesheets == [STYLE]

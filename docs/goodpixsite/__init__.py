"""Extensions of Sphinx that make the documentation."""

import sys

# jsonschema, of nbformat, would take some seconds to import it, to check IRIs, of which notebooks have none
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # such a module is not imported

"""Run the examples of a page: what follows >>> in its Python blocks."""

import doctest
import io
import re

PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_examples(page: str, text: str) -> str:
    """Return how what the examples print differs from what the page shows, by its lines; else nothing."""
    # Everything but the blocks becomes empty lines, so that failures name the page's own line numbers.
    blocks = [(text.count("\n", 0, match.start(1)), match[1]) for match in PYTHON_BLOCK.finditer(text)]
    lines = [""] * text.count("\n")
    for start, block in blocks:
        lines[start : start + block.count("\n")] = block.splitlines()
    examples = doctest.DocTestParser().get_doctest("\n".join(lines), {}, page, page, 0)
    if len(examples.examples) != len(re.findall(r"^>>> ", text, re.MULTILINE)):
        return f"{page} has examples outside of its Python blocks"
    found = io.StringIO()
    doctest.DocTestRunner(verbose=False).run(examples, out=found.write)
    return found.getvalue()

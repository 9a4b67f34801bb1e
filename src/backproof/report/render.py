"""From content to files: the templates, compiled by Typst to a PDF and to one self-contained HTML page."""

import base64
import warnings
from pathlib import Path
from typing import Any, Literal

import msgspec
import typst

from backproof.errors import RunError
from backproof.files import remove_temporary_files, write_atomically

HTML, PDF = "report.html", "report.pdf"
_TEMPLATES = Path(__file__).parent / "templates"
_FONT = "MATH-FONT"
"""The placeholder in report.css for the font of formulas, which few systems have."""
_UNFINISHED = "html export is under active development and incomplete"


def render(content: dict[str, Any], target: Literal["html", "pdf"]) -> bytes:
    """Return the report as a file's bytes (typst.TypstError where a template does not fit its content)."""
    document, typst_warnings = typst.compile_with_warnings(
        str(_TEMPLATES / "report.typ"),
        root=str(_TEMPLATES),
        format=target,
        sys_inputs={"target": target, "data": msgspec.json.encode({**content, "css": _css()}).decode()},
        ignore_system_fonts=True,
    )
    for warning in typst_warnings:
        if warning.message != _UNFINISHED:
            warnings.warn(f"typst: {warning.message} {warning.hints}", stacklevel=2)
    return bytes(document) if target == "pdf" else _with_spacing_accents(document.decode()).encode()


def _with_spacing_accents(page: str) -> str:
    """Exchange accents that combine with the letter before them: browsers set those beside the letter."""
    for combining, spacing in (("\u0303", "˜"), ("\u0304", "¯"), ("\u0307", "˙")):
        page = page.replace(f"<mo>{combining}</mo>", f"<mo>{spacing}</mo>")
    return page


def _css() -> str:
    """Return the style sheet with the font in it, so that the page needs no other file."""
    font = base64.b64encode((_TEMPLATES / "math.woff").read_bytes()).decode()
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8").replace(_FONT, font)


def write(folder: Path, content: dict[str, Any]) -> list[Path]:
    """Write report.html and report.pdf into the folder, which is made if need be (RunError)."""
    pages = {HTML: render(content, "html"), PDF: render(content, "pdf")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in pages.items():
            remove_temporary_files(folder / name)
            write_atomically(folder / name, page)
    except OSError as error:
        raise RunError(
            f"cannot write the report into {folder}: {error.strerror}; choose another --out"
        ) from None
    return [folder / HTML, folder / PDF]

"""Fill README.md and the pages in docs/ from the committed results: every number there comes from a file here.

A block begins with <!-- from: FILE --> or <!-- from: FILE#SECTION --> and ends with <!-- end -->; FILE is relative to
the repository. SECTION is `findings` (the sentences at the top of a comparison.md) or the title of a section of the
file. Usage: python experiments/pages.py
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(<!-- from: (?P<file>[^#\s]+)(?:#(?P<section>[^>]+?))? -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL
)


def pages() -> list[Path]:
    """The pages that show results."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "experiments").glob("*/README.md")),
    ]


def filled(page: str) -> str:
    """The page with every block as the committed results have it."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{_content(found['file'], found['section'])}\n\n{found[5]}", page)


def _content(file: str, section: str | None) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    if section is None:
        return text.strip()
    if section == "findings":
        return "\n".join(line for line in text.split("\n## ")[0].splitlines() if line.startswith("- "))
    (body,) = (part for part in text.split("\n## ")[1:] if part.splitlines()[0] == section)
    legend = next((line for line in text.split("\n## ")[0].splitlines() if line.startswith("Points (%)")), "")
    return "\n\n".join(filter(None, (legend, body.partition("\n")[2].strip())))


if __name__ == "__main__":
    for path in pages():
        before = path.read_text(encoding="utf-8")
        path.write_text(filled(before), encoding="utf-8")

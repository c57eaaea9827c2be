"""Put the shipped experiment's findings and accuracy tables into README.md, from its committed results.

Usage, after `seqanom compare` and copying its results to experiments/default: python experiments/readme.py
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- from: experiments/default/comparison.md -->\n", "<!-- end -->"


def filled(readme: str, page: str) -> str:
    """The README with the page's findings and accuracy tables between the two marks."""
    accuracy = page.split("\n## ")[1].removeprefix("Accuracy\n")
    intro = page.split("\n## ")[0].split("\n\n", 2)[2]
    head, rest = readme.split(BEGIN)
    return head + BEGIN + "\n" + intro + "\n" + accuracy.strip() + "\n\n" + END + rest.split(END, 1)[1]


if __name__ == "__main__":
    target = HERE.parent / "README.md"
    page = (HERE / "default" / "comparison.md").read_text(encoding="utf-8")
    target.write_text(filled(target.read_text(encoding="utf-8"), page), encoding="utf-8")

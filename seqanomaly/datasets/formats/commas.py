"""Numbers with commas in text: before decimals, as in 0,5, or between thousands, as in 1,100,200."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Commas = Literal["decimals", "thousands"]
"""What stands after a comma in a number."""
DECIMALS = r"[-+]?\d*,\d+([eE][-+]?\d+)?|[-+]?\d+"
"""A number that may have decimals after a comma."""
THOUSANDS = r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?|[-+]?\d+(\.\d*)?"
"""A number that may have commas between thousands."""
SEVERAL = r",\d{3}[,.]"
"""What stands in a number with commas between thousands, and in none with decimals after one."""
EITHER = r"[-+]?[1-9]\d{0,2},\d{3}|[-+]?\d+"
"""A number that both could be."""


@dataclass
class Cells:
    """What the cells of a column of text can be, as far as they have been looked at."""

    name: str
    """The column."""
    decimals: bool = True
    """Whether all cells can be numbers with decimals after a comma."""
    thousands: bool = True
    """Whether all cells can be numbers with commas between thousands."""
    unsure: bool = True
    """Whether all cells can be both."""
    several: bool = False
    """Whether a cell has commas between thousands beyond doubt, as 1,100,200 and 1,100.5 have."""
    first: tuple[int, str] | None = None
    """Data row and value of the first cell with a comma."""

    def add(self, column: pd.Series, before: int = 0) -> Cells:
        """Look at more cells, those after the first `before` rows; missing ones say nothing."""
        text = column.dropna().astype(str)
        self.decimals = self.decimals and bool(text.str.fullmatch(DECIMALS).all())
        self.thousands = self.thousands and bool(text.str.fullmatch(THOUSANDS).all())
        self.unsure = self.unsure and bool(text.str.fullmatch(EITHER).all())
        self.several = self.several or bool(text.str.contains(SEVERAL).any())
        if self.first is None and (self.decimals or self.thousands):
            comma = column.astype(str).str.contains(",") & column.notna()
            if comma.any():
                row = int(comma.to_numpy().argmax())
                self.first = before + row + 1, str(column.iloc[row])
        return self


def commas_of(columns: Iterable[Cells], where: str, *, asks: bool) -> Commas | None:
    """What commas in the numbers of a table mean, by all of its columns of text; None where they have none.

    Where all of them could mean both, they mean decimals, or are asked for.

    Raises:
        DataError: what commas mean is asked for.

    >>> import pandas as pd
    >>> commas_of([Cells("a").add(pd.Series(["0,5", "7"]))], "doc", asks=True)
    'decimals'
    >>> commas_of([Cells("a").add(pd.Series(["1,100", "1,100,200"]))], "doc", asks=True)
    'thousands'
    """
    found = [one for one in columns if one.first is not None and (one.decimals or one.thousands)]
    if any(one.decimals and not one.unsure for one in found):
        return "decimals"
    if not asks:
        return "decimals" if any(one.decimals for one in found) else None
    if any(one.several for one in found):
        return "thousands"
    if not found:
        return None
    row, value = found[0].first or (0, "")
    raise DataError(
        f"{where}: column {found[0].name!r}, data row {row}: {value!r} may have decimals or thousands after its comma, "
        "and no row says which; say which with commas: decimals or commas: thousands"
    )


def without_commas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers for the columns of text that are numbers with commas between thousands.

    >>> import pandas as pd
    >>> without_commas(pd.DataFrame({"a": ["1,100", "7.5"], "b": ["x,y", "z"]})).values.tolist()
    [[1100.0, 'x,y'], [7.5, 'z']]
    """
    import pandas as pd

    cells = [Cells(str(name)).add(table[name]) for name in table if pd.api.types.is_string_dtype(table[name])]
    grouped = [one.name for one in cells if one.thousands and one.first is not None]
    return table.assign(**{name: pd.to_numeric(table[name].str.replace(",", "")) for name in grouped})

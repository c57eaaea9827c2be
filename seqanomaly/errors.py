"""The errors a user can cause, each with one sentence that says what, where and the remedy."""

from __future__ import annotations


class SeqanomError(Exception):
    """Base of every error that is not a bug of ours."""


class ConfigError(SeqanomError, ValueError):
    """A setting, option or argument that cannot be used.

    `path` names where the setting stands, outermost key first; it is printed before the sentence.

    >>> str(ConfigError("must be greater than 0, got -3", path=("train", "epochs")))
    'train.epochs: must be greater than 0, got -3'
    """

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        self.message, self.path = message, path
        super().__init__(f"{'.'.join(path)}: {message}" if path else message)

    def within(self, *path: str) -> ConfigError:
        """The same error, seen from `path` further out."""
        return ConfigError(self.message, (*path, *self.path))


class DataError(SeqanomError, ValueError):
    r"""A data file or data set that cannot be used.

    What a file holds may stand in the sentence, so its middle is left out where it is long, and what cannot be printed
    is written as in a Python text.

    >>> str(DataError("a.csv: the label is 'x\ny'")), len(str(DataError("x" * 1000)))
    ("a.csv: the label is 'x\\ny'", 390)
    """

    def __init__(self, message: str) -> None:
        plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in _shortened(message))
        super().__init__(_shortened(plain))


def _shortened(message: str) -> str:
    """At most 390 characters: the beginning, which says where, and the end, which has the remedy."""
    return message if len(message) <= 390 else f"{message[:235]} ... {message[-150:]}"


class RunError(SeqanomError):
    """A run that was well configured and failed while it ran."""

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
    """A data file or data set that cannot be used."""


class RunError(SeqanomError):
    """A run that was well configured and failed while it ran."""

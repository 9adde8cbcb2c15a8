"""The error tree. A page that fails is a value (`model.Verdict`), never one of these.

CanterError                 one line for the user: what is wrong, where, what to do
├── ConfigError             a site file, a setting or an option that cannot be used
├── SourceError             a source that cannot be opened or read
└── StoreError              a store that cannot be opened or written
    ├── StoreInUse          another run holds it
    ├── StoreTooNew         written by a newer Canter
    └── LostLease           this worker was given up for dead; another one owns its shards
"""


class CanterError(Exception):
    """Something the user has to mend; its text is one line fit for a terminal."""


def needs_extra(what: str, extra: str) -> str:
    """What to tell a user who asks for `what` without the optional libraries it needs."""
    return f"{what} needs the extra {extra!r}: pip install 'canter[{extra}]'"


class ConfigError(CanterError):
    """A site file, a setting or an option that cannot be used."""


class SourceError(CanterError):
    """A source of URLs that cannot be opened or read."""


class StoreError(CanterError):
    """A store that cannot be opened or written."""


class StoreInUse(StoreError):
    """Another run holds the store."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of Canter."""


class LostLease(StoreError):
    """This worker no longer owns the shards it tried to commit to."""

"""The root of the error tree, and what can go wrong with articles and libraries.

CitewireError                 exit  http
├── InputRefused                65   422   a file, a line or a query that cannot be taken in
│   └── ArticleNotFound         65   404
├── LibraryMissing              66   404   nothing there, or not a library
├── LibraryDamaged              66   503   the record or the index is broken; says how to mend it
├── LibraryBusy                 75   503   another writer holds the library, or a file is locked
├── StorageError                74   507   disk full, no permission, not a folder
├── IdentityMismatch            78   409   built by another embedder, chunker or program version
├── ConfigError                 78   400   a setting that cannot work
└── EmbedderUnavailable         69   503   the embedding model is not there or answered nonsense
bot/errors.py continues the tree with models, weights and questions.
"""


class CitewireError(Exception):
    """Anything a user can act on. Its text is one plain line: what happened, the value seen, the next step."""

    exit_code = 70
    http_status = 500


class InputRefused(CitewireError):
    exit_code = 65
    http_status = 422


class ArticleNotFound(InputRefused):
    http_status = 404


class LibraryMissing(CitewireError):
    exit_code = 66
    http_status = 404


class LibraryDamaged(CitewireError):
    exit_code = 66
    http_status = 503


class LibraryBusy(CitewireError):
    exit_code = 75
    http_status = 503


class StorageError(CitewireError):
    exit_code = 74
    http_status = 507


class IdentityMismatch(CitewireError):
    exit_code = 78
    http_status = 409


class ConfigError(CitewireError):
    exit_code = 78
    http_status = 400


class EmbedderUnavailable(CitewireError):
    exit_code = 69
    http_status = 503

"""What can go wrong with models, weights and questions.

CitewireError (store/errors.py)
├── ModelUnavailable            69   503   no server, no model, no weights, or it broke
│   ├── ModelMissing            69   503   the server is there, the model is not
│   ├── WeightsMissing          69   503   the file is absent, cut short, or nothing can be fetched
│   ├── AnswerIncomplete        69   503   the stream ended before the model was done; keeps the partial text
│   └── ModelTimeout            69   504   loading, the next token or the whole answer took too long
├── ModelBusy                   75   503   the queue is full
├── ModelMismatch               78   409   the server read another prompt than was sent; wrong template or digest
├── WeightsDamaged              78   503   right size, wrong SHA-256
└── QuestionRefused             65   422   empty, too long, or a history that cannot be read
"""

from store.errors import CitewireError


class ModelUnavailable(CitewireError):
    exit_code = 69
    http_status = 503


class ModelMissing(ModelUnavailable):
    pass


class WeightsMissing(ModelUnavailable):
    pass


class AnswerIncomplete(ModelUnavailable):
    """The stream broke off.

    Attributes:
        partial: The text that had arrived.
    """

    def __init__(self, message: str, partial: str = "") -> None:
        super().__init__(message)
        self.partial = partial


class ModelTimeout(ModelUnavailable):
    http_status = 504


class ModelBusy(CitewireError):
    exit_code = 75
    http_status = 503


class ModelMismatch(CitewireError):
    exit_code = 78
    http_status = 409


class WeightsDamaged(CitewireError):
    exit_code = 78
    http_status = 503


class QuestionRefused(CitewireError):
    exit_code = 65
    http_status = 422

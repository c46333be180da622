"""One tree of errors; the branch says who erred, `retryable` says what to do.

    ParleyError
    ├── TheyErred            someone outside sent or said something we cannot take
    │   ├── BadPayload       signed, but not what the platform documents
    │   ├── DocumentRejected a business's file that cannot be read
    │   └── GraphRefused     Graph answered with an error code
    ├── WeErred              a wrong setting or a broken rule of our own
    │   ├── WrongSetting
    │   ├── SearchRefused    Milvus answered, and does not take what we gave it
    │   ├── IllegalStep      a row asked to take a step its life does not have
    │   └── LeaseLost        the fencing number moved on: somebody else holds the row
    └── MachineFailed        a neighbour is away, slow or full; the same call may succeed later
        ├── StoreUnavailable
        ├── SearchUnavailable
        ├── EmbedderUnavailable
        ├── ModelUnavailable
        └── GraphUnreachable the outcome of the call is unknown unless `never_sent`

Extras have defaults, so that every error survives pickling between processes.
"""


class ParleyError(Exception):
    """The root; its message is one sentence for whoever must act, and never holds a text or a number of a person."""

    retryable = False


class TheyErred(ParleyError):
    """The other side must change something before the same call can succeed."""


class BadPayload(TheyErred):
    """Signed by Meta but not readable; kept in quarantine and acknowledged."""


class DocumentRejected(TheyErred):
    """The message is the reason shown on the document."""


class GraphRefused(TheyErred):
    """Graph's own error; `code` decides what happens next (see `whatsapp/decisions.py`)."""

    def __init__(self, message: str = "", code: int = 0, details: str = "", http_status: int = 0) -> None:
        super().__init__(message, code, details, http_status)
        self.code = code
        self.details = details
        self.http_status = http_status

    def __str__(self) -> str:
        return str(self.args[0])


class WeErred(ParleyError):
    """A mistake in the installation or in the code; retrying will not help."""


class WrongSetting(WeErred):
    """Stops the start; the message names the setting and what it should be."""


class SearchRefused(WeErred):
    """Milvus is there and says no; the same passages will be refused again."""


class IllegalStep(WeErred):
    """Raised by `models.lifecycle`; nothing was changed."""


class LeaseLost(WeErred):
    """Nothing was written; drop the work, its new holder does it."""


class MachineFailed(ParleyError):
    """Try again later, within the caller's deadline."""

    retryable = True


class StoreUnavailable(MachineFailed):
    """PostgreSQL is away or too slow."""


class SearchUnavailable(MachineFailed):
    """Milvus is away or too slow."""


class EmbedderUnavailable(MachineFailed):
    """No embedder replica answered in time."""


class ModelUnavailable(MachineFailed):
    """No model replica answered in time, or its engine is dead."""


class GraphUnreachable(MachineFailed):
    """No answer from Graph; with `never_sent` the request is known not to have reached it."""

    def __init__(self, message: str = "", never_sent: bool = False) -> None:
        super().__init__(message, never_sent)
        self.never_sent = never_sent

    def __str__(self) -> str:
        return str(self.args[0])

"""Meta's error shape, with its codes. Source: Meta, "Error codes" of the WhatsApp Cloud API."""

import base64
import secrets
from typing import Any


class GraphError(Exception):
    """Answered to the caller of the Graph API, in Meta's words."""

    def __init__(
        self,
        code: int,
        message: str,
        details: str | None = None,
        *,
        http_status: int = 400,
        kind: str = "OAuthException",
        subcode: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details
        self.http_status = http_status
        self.kind = kind
        self.subcode = subcode

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        return {"error": {**error, "fbtrace_id": make_trace_id()}}


def make_trace_id() -> str:
    """An id as Meta's support asks for it."""
    return "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


def bad_parameter(message: str) -> GraphError:
    """Code 100: the parameter itself is wrong in form."""
    return GraphError(100, f"(#100) {message}")


def bad_value(details: str) -> GraphError:
    """Code 131009: the parameter's value breaks a rule."""
    return GraphError(131009, "(#131009) Parameter value is not valid", details)


def missing(name: str) -> GraphError:
    """Code 131008: something required is not there."""
    return GraphError(131008, "(#131008) Required parameter is missing", f"Parameter '{name}' is required.")


def bad_token() -> GraphError:
    """Code 190: nobody was given this token."""
    return GraphError(190, "Invalid OAuth access token - Cannot parse access token", http_status=401)


def no_token() -> GraphError:
    """Code 104: no token was sent."""
    return GraphError(104, "An access token is required to request this resource.", http_status=401)


def number_limit_hit() -> GraphError:
    """Code 130429: too many messages of one number."""
    details = (
        "Message failed to send because there were too many messages sent from this phone number in a short period "
        "of time."
    )
    return GraphError(130429, "(#130429) Rate limit hit", details)


def pair_limit_hit() -> GraphError:
    """Code 131056: too many messages of one number to one user."""
    details = (
        "Message failed to send because there were too many messages sent from this phone number to the same phone "
        "number in a short period of time."
    )
    return GraphError(131056, "(#131056) (Business Account, Consumer Account) pair rate limit hit", details)


def window_closed() -> GraphError:
    """Code 131047 as an answer: nothing but a template may go out."""
    title, details = _LATER[131047]
    return GraphError(131047, f"(#131047) {title}", details)


def no_such_object(method: str, object_id: str) -> GraphError:
    """Code 100, subcode 33: the id does not exist, or this token may not see it."""
    return GraphError(
        100,
        f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api",
        kind="GraphMethodException",
        subcode=33,
    )


_LATER = {  # codes that arrive in a status, never in the answer: title and details
    131009: ("Parameter value is not valid", "The message that is reacted to is unknown or too old."),
    131026: ("Message undeliverable", "Message Undeliverable."),
    131047: (
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    131050: (
        "User opted out",
        "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages on WhatsApp "
        "from your business.",
    ),
    131053: ("Media upload error", "The media file could not be fetched or is not of a supported kind."),
}


def later_error(code: int) -> dict[str, Any]:
    """One element of `statuses[].errors`."""
    title, details = _LATER[code]
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/",
    }

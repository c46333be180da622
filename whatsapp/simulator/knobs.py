"""What can be set while the simulator runs: limits, faults and load, as they travel in JSON. Pure.

One rule: the defaults are Meta on a good day; whatever is hostile has to be asked for.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]  # of all that it applies to; 1.0 is every one
Seconds = Annotated[float, Field(ge=0.0, le=3600.0)]


class _Knobs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Knobs):
    """Meta's limits; see `limits.py` for their sources."""

    enforced: bool = True
    number_per_s: float = Field(default=80.0, gt=0.0, le=100_000.0)  # in and out together
    number_burst: int = Field(default=80, ge=1, le=100_000)
    pair_interval_s: float = Field(default=6.0, gt=0.0, le=3600.0)
    pair_burst: int = Field(default=45, ge=1, le=100_000)
    window_error: Literal["status", "answer"] = "status"  # where 131047 is told: Meta does both


class Latency(_Knobs):
    """How long Graph takes to answer, drawn anew for every call."""

    kind: Literal["none", "fixed", "uniform", "exponential", "lognormal"] = "none"
    mean_s: Seconds = 0.0  # lognormal: the median
    spread: float = Field(default=0.0, ge=0.0, le=60.0)  # uniform: half the width in seconds; lognormal: sigma
    longest_s: Seconds = 30.0


class GraphFaults(_Knobs):
    """What goes wrong with calls to /messages; of the shares below at most one strikes a call."""

    latency: Latency = Latency()  # passes after the message was taken, before the answer
    token_error_share: Share = 0.0  # 190, nothing taken
    number_limit_share: Share = 0.0  # 130429 without cause, nothing taken
    pair_limit_share: Share = 0.0  # 131056 without cause, nothing taken
    server_error_share: Share = 0.0  # a 5xx, nothing taken
    refused_share: Share = 0.0  # the connection is closed without an answer, nothing taken
    lost_answer_share: Share = 0.0  # taken and delivered; the connection is closed without an answer
    taken_error_share: Share = 0.0  # taken and delivered, yet answered with a 5xx
    storm_every_s: Seconds = 0.0  # 0: never; else so often ...
    storm_for_s: Seconds = 0.0  # ... everything gets 130429 for so long
    sent_jitter_s: Seconds = 0.0  # `sent` and the delivery come later by 0 to this: consecutive sends may swap
    only_numbers: tuple[str, ...] = ()  # phone_number_ids; empty: all

    @model_validator(mode="after")
    def _shares_fit(self) -> "GraphFaults":
        if sum(self.shares().values()) > 1.0 + 1e-9:
            raise ValueError("the shares of graph faults add up to more than 1")
        return self

    def shares(self) -> dict[str, float]:
        """Kind of fault -> its share, in a fixed order."""
        suffix = "_share"
        return {name.removesuffix(suffix): getattr(self, name) for name in type(self).model_fields if suffix in name}


class WebhookFaults(_Knobs):
    """What goes wrong on the way to the callback."""

    duplicate_share: Share = 0.0  # posted `copies` times at the same instant
    copies: int = Field(default=2, ge=2, le=16)
    repeat_share: Share = 0.0  # posted once more, 0 to `repeat_within_s` after its 200
    repeat_within_s: Seconds = 5.0
    reorder_share: Share = 0.0  # held back for 0 to `reorder_within_s`, while those behind it pass
    reorder_within_s: Seconds = 2.0
    in_order: bool = True  # False: nothing waits for what was written before it
    redelivery_copies: int = Field(default=1, ge=1, le=16)  # how often at once after a failed try
    time_scale: float = Field(default=1.0, gt=0.0, le=1000.0)  # of the growing delays between tries
    timeout_s: float | None = Field(default=None, gt=0.0, le=300.0)  # silence after which a try has failed
    status_early_share: Share = 0.0  # `sent` reaches the callback before Graph's answer reaches the caller
    status_missing_share: Share = 0.0
    status_late_share: Share = 0.0
    status_late_s: Seconds = 5.0
    unknown_share: Share = 0.0  # beside a message, something of a kind that Meta has not documented
    batch_updates: int = Field(default=1, ge=1, le=1000)  # updates in one POST; Meta's most is 1,000
    batch_wait_s: Seconds = 0.2  # the longest that an update waits for its POST to fill
    batch_bytes: int = Field(default=3_000_000, ge=10_000, le=3_000_000)  # Meta's largest POST has 3 MB


class Faults(_Knobs):
    """Everything at once; what is left out is calm."""

    seed: int = 0
    graph: GraphFaults = GraphFaults()
    webhook: WebhookFaults = WebhookFaults()


class LoadPlan(_Knobs):
    """Users who write, and how fast; the same seed gives the same arrivals, writers and texts."""

    messages: int = Field(ge=1, le=1_000_000)
    rate_per_s: float = Field(gt=0.0, le=10_000.0)
    users: tuple[str, ...] = ()  # ids; each writes to one number only
    new_users: int = Field(default=0, ge=0, le=50_000)  # made for this load, beside `users`
    without_phone_share: Share = 0.0  # of the new users
    numbers: tuple[str, ...] = ()  # phone_number_ids; empty: all
    seed: int = 0
    arrivals: Literal["poisson", "even"] = "poisson"
    texts: tuple[str, ...] = ("Hello, is anybody there? {token}",)  # "{token}" becomes "#17"; appended where missing
    text_chars: int = Field(default=0, ge=0, le=4096)  # longer than the text: filled up with words
    burst_share: Share = 0.0  # of the arrivals: several lines instead of one
    burst_size: int = Field(default=3, ge=2, le=45)
    burst_gap_s: float = Field(default=0.3, ge=0.0, le=60.0)  # between the lines of one burst

"""Every metric of the house: its name with the unit, its labels, and the question it answers.

One rule: a metric is declared here or it does not exist; dashboards and alerts are tested against this table.
Prometheus sees a metric under its `exported_name`. Labels never hold anything of a person.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from telemetry.instruments import Counter, Gauge, Histogram, Metric, PageGauge, RayRecorder, record_in


class Step(StrEnum):
    """The steps of a message's road, each a value of the label `step`."""

    ACK = "ack"  # webhook in to our 200
    ROUTE = "route"  # our 200 to the message standing in its conversation
    CLAIM = "claim"  # our 200 to its conversation being claimed; holds the wait for more lines
    EMBED = "embed"
    SEARCH = "search"
    GENERATE = "generate"
    COMMIT = "commit"  # the one commit of a turn
    SEND = "send"  # queued in the outbox to accepted by Graph


# Around the goals: an acknowledgement in some ms, what we add p50 60 ms and p99 150 ms, a large body 250 ms,
# a turn's deadline 20 s and the promise of 25 s.
_STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.06, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 60.0)
_REPLY_BUCKETS = (0.06, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 25.0, 60.0, 300.0, 3600.0)

STEP_SECONDS = Histogram(
    "parley_step_seconds", "Where on its road does a message spend its time?", ("step",), buckets=_STEP_BUCKETS
)
REPLY_SECONDS = Histogram(
    "parley_reply_seconds", "How long from our 200 until Graph accepted the first reply?", buckets=_REPLY_BUCKETS
)

WEBHOOKS = Counter("parley_webhooks", "Which HTTP status did webhooks get?", ("status",))
BAD_SIGNATURES = Counter("parley_bad_signatures", "Does somebody post who cannot sign, or is an app secret wrong?")
INBOX_MESSAGES = Counter("parley_inbox_messages", "How many new messages were kept, of which kind?", ("kind",))
INBOX_DUPLICATES = Counter("parley_inbox_duplicates", "How often does Meta deliver what we have already?")
UPDATES_QUARANTINED = Counter(
    "parley_updates_quarantined", "What came signed and could not be read, and why?", ("reason",)
)
UNKNOWN_NUMBERS = Counter("parley_unknown_numbers", "How many updates were for a number that we do not serve?")

TURNS = Counter("parley_turns", "Which rung of the ladder do answers come from?", ("rung",))
TURN_RESTARTS = Counter("parley_turn_restarts", "How often does a newer message cancel the answer being written?")
ABSTENTIONS = Counter("parley_abstentions", "How often does a business's knowledge hold no answer?")
PERSON_REQUESTS = Counter("parley_person_requests", "How often is a person asked for?")
ROWS_BURIED = Counter("parley_rows_buried", "What was given up after its last try?", ("queue",))

SENDS = Counter("parley_sends", "What became of the calls to Graph?", ("outcome",))
SEND_ERRORS = Counter("parley_send_errors", "Which codes does Graph refuse with?", ("code",))
POSSIBLE_DUPLICATES = Counter("parley_possible_duplicates", "How often was an unknown outcome sent once more?")
GRAPH_CIRCUIT_OPENINGS = Counter(
    "parley_graph_circuit_openings", "How often were calls to Graph held back, since it gave no answers?"
)
STATUSES = Counter("parley_statuses", "How far do our messages get?", ("state",))
NUMBER_STOPS = Counter("parley_number_stops", "Why did sending for a number stop?", ("reason",))

DOCUMENTS = Counter("parley_documents", "Which states do documents reach?", ("state",))
LOOP_FAILURES = Counter("parley_loop_failures", "Which loop fails, and goes on?", ("loop",))
LEASES_LOST = Counter("parley_leases_lost", "How often does a worker lose its claim while working?", ("loop",))
LOOP_RUNNING = Gauge("parley_loop_running", "Does each loop run (1), or has it died (0)?", ("loop",))

# Read from Postgres at each scrape, so that they are true even when every worker is dead.
INBOX_UNFINISHED = PageGauge("parley_inbox_unfinished_rows", "How many messages wait for an answer?")
INBOX_OLDEST_AGE = PageGauge("parley_inbox_oldest_age_seconds", "How long has the oldest of them waited?")
OUTBOX_UNSENT = PageGauge("parley_outbox_unsent_rows", "How many messages of ours has Graph not accepted yet?")
OUTBOX_OLDEST_AGE = PageGauge("parley_outbox_oldest_age_seconds", "How long has the oldest of them waited?")
OUTBOX_FAILED = PageGauge("parley_outbox_failed_rows", "How many messages of ours were given up within a day?")
NUMBERS_STOPPED = PageGauge("parley_numbers_stopped", "For how many of our numbers is sending stopped?")
DOCUMENTS_WAITING = PageGauge("parley_documents_waiting", "How many documents cannot be searched yet?")
QUARANTINED_ROWS = PageGauge("parley_quarantined_rows", "How many updates lie in quarantine?")
DEAD_ROWS = PageGauge("parley_dead_rows", "How many rows are buried and wait for an operator?")
PEOPLE_WAITING = PageGauge("parley_people_waiting", "How many users want a person and have none?")
PEOPLE_OLDEST_WAIT = PageGauge("parley_people_oldest_wait_seconds", "How long has the first of them waited?")
READY = PageGauge("parley_ready", "Can messages be kept right now (1), or not (0)?")
NODE_UP = PageGauge("parley_node_up", "Whose figures are here (1), whose could not be read (0)?", ("node",))

DECLARED: dict[str, Metric] = {metric.name: metric for metric in vars().copy().values() if isinstance(metric, Metric)}


def export_through_ray() -> None:
    """Send this process's figures to Prometheus by Ray's node agent; call it once inside each replica."""
    record_in(RayRecorder(tuple(DECLARED.values())))


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Observe how long the block takes, whether it succeeds or raises."""
    start = time.perf_counter()
    try:
        yield
    finally:
        STEP_SECONDS.observe(time.perf_counter() - start, step=step)

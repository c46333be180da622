"""How much work waits in Postgres: the figures that tell a healthy house from a stuck one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepths:
    """One look at all queues, by the database's clock; ages are 0.0 where nothing waits."""

    inbox_unfinished: int = 0  # messages kept but not yet answered or finished
    inbox_oldest_age_s: float = 0.0
    outbox_unsent: int = 0  # rows that Graph has not accepted, failed ones left out
    outbox_oldest_age_s: float = 0.0
    outbox_failed: int = 0  # messages of ours that were given up within the last 24 hours
    numbers_stopped: int = 0  # our numbers whose sending stopped, such as on a refused token
    documents_waiting: int = 0  # accepted documents that cannot be searched yet
    quarantined: int = 0  # signed updates that nobody could read or place
    dead: int = 0  # rows buried after their last try
    people_waiting: int = 0  # conversations that want a person and have none
    people_oldest_wait_s: float = 0.0

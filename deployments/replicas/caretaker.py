"""The replica that does the upkeep."""

from datetime import timedelta
from typing import TYPE_CHECKING

from deployments.replicas.worker import Acting, WorkerReplica

if TYPE_CHECKING:
    from deployments.connections import Connections


class CaretakerReplica(WorkerReplica):
    """Does the upkeep."""

    name = "caretaker"

    async def _make(self, connections: "Connections", owner: str) -> Acting:
        from actors.caretaker import Caretaker, Duty
        from actors.preferences import apply_preferences
        from store.consent import Preferences
        from store.duties import Duties
        from store.moves import Merges
        from store.retention import Retention
        from store.statuses import ParkedStatuses

        duties = Duties(connections.database)
        life = timedelta(days=connections.settings.retention_days)
        retention = Retention(connections.database, messages_life=life)
        preferences = Preferences(connections.database, connections.keyring)
        timetable = {
            "apply parked statuses": Duty(do=ParkedStatuses(connections.database).apply, every=timedelta(seconds=5)),
            "apply preferences": Duty(do=lambda: apply_preferences(preferences), every=timedelta(seconds=5)),
            "merge who has moved": Duty(do=Merges(connections.database).merge, every=timedelta(seconds=2)),
            "forget what is old": Duty(do=retention.forget_old, every=timedelta(minutes=1)),
        }
        await duties.enrol(list(timetable))
        return Caretaker(owner, duties, timetable)

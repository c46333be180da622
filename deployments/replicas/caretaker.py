"""The replica that does the upkeep."""

from datetime import timedelta

from actors.caretaker import Caretaker, Duty
from deployments.connections import Connections
from deployments.replicas.worker import Acting, WorkerReplica
from store.duties import Duties
from store.statuses import ParkedStatuses


class CaretakerReplica(WorkerReplica):
    """Does the upkeep."""

    name = "caretaker"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        duties = Duties(connections.database)
        timetable = {
            "apply parked statuses": Duty(do=ParkedStatuses(connections.database).apply, every=timedelta(seconds=5)),
            "forget what nothing can match": Duty(do=duties.forget_old, every=timedelta(hours=1)),
        }
        await duties.enrol(list(timetable))
        return Caretaker(owner, duties, timetable)

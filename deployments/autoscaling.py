"""How many workers a backlog needs: pure, quick, and never raising, since Serve runs it in its control loop."""

import math
from typing import Any


class BacklogPolicy:
    """One replica for every `rows_per_replica` rows that wait, by the replicas' own `record_autoscaling_stats`.

    Each replica tells the whole backlog, so the largest figure of any is believed and none are added up.
    """

    def __init__(self, rows_per_replica: int = 200) -> None:
        """Set how many rows one replica works off in the time that they may wait."""
        self._rows_per_replica = max(rows_per_replica, 1)

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Give the wanted number of replicas; the present one where nothing is known."""
        try:
            told = (context.aggregated_metrics or {}).get("backlog") or {}
            if not told:
                return context.target_num_replicas, {}
            return replicas_for(max(told.values()), self._rows_per_replica), {}
        except Exception:  # an exception here would stop the control loop of every application
            return context.target_num_replicas, {}


def replicas_for(backlog: float, rows_per_replica: int) -> int:
    """Give at least 1; Serve applies the deployment's own bounds afterwards."""
    return max(math.ceil(backlog / rows_per_replica), 1)

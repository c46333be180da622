"""A Ray head on 127.0.0.1 that lives as long as this process: what it starts is ended with it, even by SIGKILL.

A process of its own, so that the owner needs no Ray; `ray start` would also bring the client server and bind the
network address. Started by `deployments/ray_cluster.py` with its options as one JSON argument.
"""

import functools
import json
import signal
import sys
import threading

import ray
from ray._private.parameter import RayParams


def main() -> None:
    """Start, wait for SIGTERM, end."""
    options = json.loads(sys.argv[1])
    # `ray.init` has no arguments for these. A second cluster on this machine would wait for the agent's fixed port in
    # vain; one machine has nothing to scale, and nobody to whom workers' output would be brought.
    RayParams.__init__ = functools.partialmethod(
        RayParams.__init__, dashboard_agent_listen_port=0, no_monitor=True, include_log_monitor=False
    )
    stopping = threading.Event()
    ray.init(**options, include_dashboard=True, dashboard_host="127.0.0.1", log_to_driver=False)
    for number in (signal.SIGTERM, signal.SIGINT):  # after `init`, which sets a handler of its own
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()
    ray.shutdown()


if __name__ == "__main__":
    main()

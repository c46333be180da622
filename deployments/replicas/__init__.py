"""What runs in each replica: plain classes that make their own connections; `deployments/app.py` dresses them for Ray.

Two rules. Nothing is handed in that could not stand in `serve.yaml`; secrets are read by each replica for itself. And
what a replica needs is imported where it is made: these modules are also imported by the processes in which Serve
builds each application, one for each, and every start of the service waits for them.
"""

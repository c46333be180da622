"""What runs in each replica: plain classes that make their own connections; `deployments/app.py` dresses them for Ray.

One rule: nothing is handed in that could not stand in `serve.yaml`; secrets are read by each replica for itself. A file
for each kind, so that a replica imports (and keeps in memory) only what it needs.
"""

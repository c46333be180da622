"""The embedding model of the one-machine default: made once from pinned weights, then run by onnxruntime.

One rule: a replica never imports torch. Only `export.py` does, in a process of its own that ends with the export.
"""

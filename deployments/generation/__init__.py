"""Generation by vLLM through `ray.serve.llm`.

One rule: only `engine.py` imports `ray.serve.llm`, which brings vLLM and torch (1 GB); the door and its callers do not.
"""

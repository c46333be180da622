"""The servers of the one-machine default, PostgreSQL and Milvus Lite, each with one owner that starts and stops it.

The rule that must not be broken: a pid read from a file is believed only after the process itself has confirmed it.
"""

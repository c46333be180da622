"""Measured, beside a baseline, in one run: nothing in here is imported by the service."""

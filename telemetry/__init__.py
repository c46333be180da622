"""What the house tells about itself: metrics, logs, traces. Imports `models` and `security.redaction` only."""

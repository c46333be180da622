"""What operators reach: health, readiness, status and metrics, behind a bearer token."""

"""What operators reach behind a bearer token: health, readiness, status, metrics, and conversations for people."""

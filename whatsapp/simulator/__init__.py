"""The other side of the wire: a Graph API with Meta's limits, signed webhooks and a chat page in the browser."""

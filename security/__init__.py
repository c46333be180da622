"""Keys, tokens and redaction: what keeps secrets and people's words where they belong. Imports `models` only."""

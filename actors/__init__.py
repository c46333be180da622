"""Who acts: plain classes with one duty each, given their ports, knowing nothing of Ray."""

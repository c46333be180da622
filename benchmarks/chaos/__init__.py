"""The kill test: people write, a seeded hand kills, and the simulator's ledger tells what became of each message."""

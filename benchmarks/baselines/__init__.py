"""The bare programs that ours is compared with, in the same run, on the same server of the same database."""

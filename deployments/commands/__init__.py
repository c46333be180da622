"""The commands behind `./parley`, a file for each kind; each opens what it needs and closes it again."""

"""Makes the embedding model ready, so that the first replica need not: `python -m deployments.embedding HOME`."""

import logging
import sys
from pathlib import Path

from deployments.embedding.artifact import ready_model

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    ready_model(Path(sys.argv[1] if len(sys.argv) > 1 else ".parley"))

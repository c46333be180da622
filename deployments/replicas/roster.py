"""Names of deployments that are called from other applications: (deployment, application)."""

EMBEDDER = ("Embedder", "embed")
GENERATOR = ("Generator", "llm")
BRAIN = ("Brain", "brain")

"""The embedding model's replica."""

from deployments.embedder import Embedder


class EmbedderReplica(Embedder):
    """The embedding model."""

    def __init__(self) -> None:
        """Load it from the home, exporting it first where it is missing."""
        from deployments.connections import configure_logs
        from deployments.settings import read_settings
        from telemetry.metrics import export_through_ray

        settings = read_settings()
        configure_logs(settings, "embedder")
        export_through_ray()
        super().__init__(str(settings.root))

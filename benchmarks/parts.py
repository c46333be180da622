"""What a process of the service is, by the title that Ray gives a replica. Pure."""


def deployment_of(title: str) -> str | None:
    """Give the name of a replica's deployment, such as "Sender"; None for what is no replica."""
    _, mark, replica = title.partition("ServeReplica:")
    return replica.partition(":")[2].split(".")[0].split(":")[0].strip() if mark else None

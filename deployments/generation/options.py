"""How a model is run, and what can be known of it before an engine is started."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import WrongSetting

_SMALL_FILES = ("config.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json")
_LONGEST = 4096  # tokens of prompt and reply; more only costs memory: a reply is short and so is its evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What an operator may choose; the defaults suit one machine without a GPU."""

    gpus: int = 0  # a replica; more than one means tensor parallel
    gpu_type: str | None = None  # Ray's accelerator type, such as "L4"; None takes any
    cpus: float = 0.1  # reserved in Ray's books, not a limit; near 0 on one machine
    threads: int = 2  # of the CPU engine
    kv_cache_gb: int = 1  # CPU only; a GPU's free memory is found by vLLM
    max_model_tokens: int = _LONGEST
    max_reply_tokens: int = 200  # 400 characters are some 100 tokens of English, twice that in other scripts
    max_ongoing: int = 64  # requests in one engine; the rest wait at the caller
    target_ongoing: float = 32  # a replica more above this; `ray.serve.llm` itself would never scale
    min_replicas: int = 1
    max_replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What a model's small files say."""

    source: str  # hub id or absolute path, as vLLM takes it
    model_id: str  # short, without a path: it stands in names of deployments and in metrics
    max_tokens: int  # of prompt and reply together
    has_chat_template: bool


def inspect_model(model: str, most_tokens: int = _LONGEST) -> ModelFacts:
    """Read a model's small files, from its folder or, by the hub's cache, from the hub (`HF_ENDPOINT`).

    Raises:
        WrongSetting: there is no such model, or it is none that we can serve.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _facts(folder.resolve(), str(folder.resolve()), folder.resolve().name, most_tokens)
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise WrongSetting("PARLEY_MODEL names a folder that does not exist.")
    return _facts(_fetch_small_files(model), model, model, most_tokens)


def _fetch_small_files(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(_SMALL_FILES), etag_timeout=20))
    except Exception as error:  # the hub's client has no common root for its own, httpx's and the file system's errors
        raise WrongSetting("PARLEY_MODEL is neither a folder nor a model that the hub gives us.") from error


def _facts(folder: Path, source: str, model_id: str, most_tokens: int) -> ModelFacts:
    config = _read(folder / "config.json")
    if not config.get("architectures"):
        raise WrongSetting("PARLEY_MODEL has no config.json that names its architecture.")
    own_limit = config.get("max_position_embeddings") or most_tokens
    return ModelFacts(
        source=source,
        model_id=model_id,
        max_tokens=min(int(own_limit), most_tokens),
        has_chat_template="chat_template" in _read(folder / "tokenizer_config.json")
        or any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

"""The engine's replica and how it is built: the only module that imports `ray.serve.llm`.

The replica speaks plain types, so that its callers need neither vLLM's request classes nor torch.
"""

from collections.abc import Sequence
from typing import Any

from ray.serve.deployment import Application
from ray.serve.llm import LLMConfig, LLMServer, build_llm_deployment
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from deployments.generation.options import ModelFacts, ModelOptions, inspect_model
from deployments.generation.wire import EngineReply, TooLong

# For checkpoints that bring none; roles as plain words suit any vocabulary.
_DEFAULT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


class EngineServer(LLMServer):  # type: ignore[misc]  # Ray's types are not followed
    """`ray.serve.llm`'s server with one method more."""

    async def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> EngineReply | TooLong:
        """Give one whole reply; cancelling the call stops the engine's work on it.

        Raises:
            RuntimeError: the engine refused for another reason than the length.
        """
        request = ChatCompletionRequest(
            model=self._llm_config.model_id,
            messages=list(messages),
            max_tokens=max_tokens,
            temperature=temperature,
            stream=False,
            chat_template_kwargs={"enable_thinking": False},  # templates that know no such switch ignore it
        )
        async for outcome in await self.chat(request):
            return _to_reply(outcome)
        raise RuntimeError("the engine gave nothing")


def llm_config(model: str, options: ModelOptions) -> LLMConfig:
    """Describe an engine for `model`, a folder or a hub id.

    Raises:
        WrongSetting: there is no such model.
    """
    facts = inspect_model(model, options.max_model_tokens)
    hardware = _on_gpu(options) if options.gpus else _on_cpu(options)
    engine_kwargs = {"max_model_len": facts.max_tokens, "max_num_seqs": options.max_ongoing, **hardware.pop("engine")}
    if not facts.has_chat_template:
        engine_kwargs["chat_template"] = _DEFAULT_TEMPLATE
    return LLMConfig(
        model_loading_config={"model_id": facts.model_id, "model_source": facts.source},
        engine_kwargs=engine_kwargs,
        deployment_config=_deployment(options),
        experimental_configs={"stream_batching_interval_ms": 0},
        **hardware,
    )


def engine_deployment(model: str, options: ModelOptions) -> Application:
    """Build the engine's deployment, to be bound to the door."""
    return build_llm_deployment(llm_config(model, options), deployment_cls=EngineServer, name_prefix="LLMServer:")


def engine_facts(model: str, options: ModelOptions) -> ModelFacts:
    """Give what the door must know of the model."""
    return inspect_model(model, options.max_model_tokens)


def _deployment(options: ModelOptions) -> dict[str, Any]:
    return {
        "max_ongoing_requests": options.max_ongoing,
        "autoscaling_config": {
            "min_replicas": options.min_replicas,
            "max_replicas": options.max_replicas,
            "target_ongoing_requests": options.target_ongoing,
        },
        "ray_actor_options": {"num_cpus": 0},  # what is reserved stands in the placement group
        "health_check_period_s": 3,  # three failures in a row replace a dead engine
        "health_check_timeout_s": 10,
        "graceful_shutdown_timeout_s": 25,  # longer than a turn's deadline
    }


def _on_cpu(options: ModelOptions) -> dict[str, Any]:
    return {
        "placement_group_config": {"bundles": [{"CPU": options.cpus}]},
        "engine": {"enforce_eager": True, "dtype": "bfloat16"},
        "runtime_env": {
            "env_vars": {
                "VLLM_CPU_KVCACHE_SPACE": str(options.kv_cache_gb),
                "OMP_NUM_THREADS": str(options.threads),
                "VLLM_NO_USAGE_STATS": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
            }
        },
    }


def _on_gpu(options: ModelOptions) -> dict[str, Any]:
    return {
        "accelerator_type": options.gpu_type,
        "engine": {"tensor_parallel_size": options.gpus, "dtype": "auto"},
        "runtime_env": {"env_vars": {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}},
    }


def _to_reply(outcome: Any) -> EngineReply | TooLong:
    """Read vLLM's response; its errors come in-band, as an object with `error`."""
    error = getattr(outcome, "error", None)
    if error is not None:
        if error.code == 400 and "maximum context length" in error.message:
            return TooLong()
        raise RuntimeError(f"the engine refused a request with code {error.code}")  # its message may quote the prompt
    choice = outcome.choices[0]
    return EngineReply(
        text=choice.message.content or "",
        was_cut=choice.finish_reason == "length",
        prompt_tokens=outcome.usage.prompt_tokens,
        reply_tokens=outcome.usage.completion_tokens or 0,
    )

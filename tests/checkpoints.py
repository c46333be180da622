"""A tiny Llama-shaped checkpoint with random weights and a tokenizer of its own: gibberish, by the real engine."""

import json
from pathlib import Path
from typing import Any

SENTENCES = (
    "We open from Monday to Saturday, nine to seven, and on Sunday from ten to two.",
    "Deliveries arrive within two working days; orders above fifty euros are delivered free of charge.",
    "Abrimos de lunes a sábado y los domingos por la mañana. El envío es gratuito a partir de cincuenta euros.",
)
_VOCABULARY = 2048
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SPECIAL = ["<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]


def build_checkpoint(folder: Path, *, chat_template: bool = True) -> Path:
    """Write a checkpoint of 0.5 million parameters into a new folder; takes some seconds, most of them imports.

    The weights are the same every time: they come from a fixed seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder, chat_template=chat_template)
    _write_model(folder)
    return folder


def _write_tokenizer(folder: Path, *, chat_template: bool) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=_VOCABULARY, special_tokens=_SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 1024,
    }
    if chat_template:
        settings["chat_template"] = _TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _write_model(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=1,
        tie_word_embeddings=True,
        initializer_range=0.2,  # wide, so that random weights do not all choose the same token
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


if __name__ == "__main__":
    import sys

    build_checkpoint(Path(sys.argv[1]), chat_template="--no-template" not in sys.argv)

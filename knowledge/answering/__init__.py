"""Answers without a generative model: the business's own sentences, or an honest "I don't know"."""

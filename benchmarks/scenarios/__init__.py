"""One question each: what is started, loaded and measured to answer it."""

"""What scales, and the wiring: the only room that knows Ray, the environment and the embedded servers."""

"""One module a command: `Options`, a dataclass that becomes the help text, and `run(options, screen)`."""

"""The Docker command and its daemon, as the rest of the harness uses them."""

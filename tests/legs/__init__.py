"""The same code on other versions of what it runs on, each in an environment of its own."""

"""The images of an environment: which they are, where they come from, and how they get into a cluster."""

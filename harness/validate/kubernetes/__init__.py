"""What the API server and its controllers refuse or cannot do, and what policy forbids."""

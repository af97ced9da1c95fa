"""What a change can do, in words: rules on data, access, running, delivery and exposure."""

"""The risks of a change: rules on data, access, running, delivery and exposure."""

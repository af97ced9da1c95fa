"""Bronze read back: is the committed run of a date what its manifest says, and what the API said?"""

from brewery.validation.run import ValidationResult, inspect, validate

__all__ = ["ValidationResult", "inspect", "validate"]

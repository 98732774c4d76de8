"""From a parsed request to an encoded response."""

"""The collector: what we know about the fleet, and what we do about it."""

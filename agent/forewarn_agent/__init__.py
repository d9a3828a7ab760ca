"""What runs on a client machine."""

VERSION = "0.1.0"
"""That of the whole distribution. It stands here, and not in its metadata, because reading those takes memory."""

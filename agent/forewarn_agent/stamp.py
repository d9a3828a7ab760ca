"""Reports are built without device, boot and seq; the outbox fills them in as it stores them."""

UNSTAMPED = "unstamped"

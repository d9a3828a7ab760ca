"""Jira's document format: text in, text out. Pure.

Source: developer.atlassian.com, "Atlassian Document Format", version 1.
"""

from typing import Any


def document(text: str) -> dict[str, Any]:
    """Blocks between blank lines are paragraphs, their lines stay lines. A document may not have an empty text."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return {"type": "doc", "version": 1, "content": [_paragraph(block) for block in blocks]}


def _paragraph(block: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for line in block.split("\n"):
        if content:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def words(node: Any) -> str:
    """What a person reads in a document; formats, pictures and mentions are left out."""
    if not isinstance(node, dict):
        return ""
    if node.get("type") == "text":
        return str(node.get("text", ""))
    if node.get("type") == "hardBreak":
        return "\n"
    apart = "\n\n" if node.get("type") in ("doc", "blockquote", "bulletList", "orderedList") else ""
    return apart.join(words(child) for child in node.get("content", ()))

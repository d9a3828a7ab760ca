"""Prints the reference of the directory file as Markdown, from the types that check it.

python -m forewarn_collector.people.reference
"""

from forewarn_collector.config_reference import reference
from forewarn_collector.people.schema import DirectoryFile

if __name__ == "__main__":
    print(reference(DirectoryFile))

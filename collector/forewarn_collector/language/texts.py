"""What an explanation says beside the words of the rules: headings, by when, what to bring. English, to be translated.

What is in braces is filled in; a translation keeps it.
"""

HEADINGS = {
    "what": "What is seen",
    "why": "Why it matters",
    "when": "By when",
    "do": "What to do",
    "bring": "What to bring",
    "calm_when": "What would make us calm",
}

WITHIN = "Within {duration}, so by {date}."
LIKELY = "The probability was measured: {probability}."
UNKNOWN_WINDOW = {
    "critical": "As soon as possible: it is so already, or may be at any time.",
    "warning": "With the next visit: nobody knows for how long it goes well.",
}

DISK_TO_BRING = "A disk of the same kind and at least the same size: {model}."
DISK_TO_TAKE_OUT = "The serial number of the disk to take out: {serial}, in {slot}."
BRING: dict[str, tuple[str, ...]] = {
    "disk-failure": ("A medium for what must be saved.",),
    "disk-wear": (),
    "cable": ("A data cable and a power cable for the disk.",),
    "cooling": ("Compressed air, thermal paste and a fan of the same size.",),
    "memory-failure": ("A memory module of the same kind and size.",),
    "battery-wear": ("A battery for this model.",),
    "power": ("A power supply of the same kind, its cables, and a voltmeter.",),
    "filesystem-full": ("Nothing: it can be done from afar.",),
    "filesystem-damage": ("A medium that is large enough to save the data.",),
    "array-degraded": ("A disk of the same kind and at least the size of the member that is missing.",),
    "device-silent": ("Nothing at first: call. Then a network cable and a power cable.",),
    "memory-short": ("A memory module, if work cannot be moved to another machine.",),
    "network": ("A patch cable and a network card.",),
    "clock": ("A battery for the board (CR2032).",),
    "identity": (),
    "instability": ("A medium with a memory test, and a power supply to try.",),
    "other": (),
}
OF_A_DISK = ("disk-failure", "disk-wear")

MINUTES, SECONDS, HOURS, DAYS = "{count} min", "{count} s", "{count} h", "{count} days"
UNKNOWN, NO_FORECAST = "unknown", "no forecast"

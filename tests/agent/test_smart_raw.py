"""Raw values as drives pack them. Cases marked with a model are from recorded outputs."""

import pytest

from forewarn_agent.smart_raw import decode_raw


@pytest.mark.parametrize(
    ("attribute", "string", "packed", "hours", "figure"),
    [
        (5, "0", 0, None, 0),
        (5, "304", 304, None, 304),
        (5, "16 (0 2)", 8589934608, None, 16),
        (3, "380 (Average 380)", 30089675132, None, 380),
        (9, "34013 (105 34 0)", 115594749838557, None, 34013),  # ST10000NM0016
        (9, "37054h+12m+58.233s", 3342485283705022, None, 37054),  # ST2000NM0008
        (9, "1234567", 1234567, 20576, 20576),
        (9, None, 0x2200001234, None, 0x1234),
        (188, "0 0 0", 0, None, 0),
        (188, "2 2 2", 8590065666, None, 2),
        (188, "1 1 1", 4295032833, None, 1),
        (188, "4295032833", 4295032833, None, 1),
        (188, "7 3 2", None, None, 2),
        (190, "25 (Min/Max 20/30)", 504627225, None, 25),
        (194, "32 (Min/Max 24/38)", 163210330144, None, 32),
        (194, "163210330144", 163210330144, None, 32),
        (194, "33 (0 18 0 0 0)", 33, None, 33),
        (7, "73130480742", 73130480742, None, 73130480742 % 2**32),
        (1, "187250", 187250, None, 187250),
        (240, "44299h+04m+54.612s", 1265348905053451, None, 44299),
        (240, "122811 (109 12 0)", 119898307157947, None, 122811),  # ST3500418AS
        (240, "94489280513", 94489280513, None, 94489280513 % 2**32),
        (170, "1/1162", 16778378, None, 1162),  # KINGSTON SKC400S37
        (234, "0/0", 0, None, 0),
        (241, "28111553262", 28111553262, None, 28111553262),
        (230, "0x002600260026", 163210592294, None, 0x2600260026),
        (12, "", 42, None, 42),
        (12, None, None, None, None),
        (12, "garbage", None, None, None),
        (12, "9" * 40, None, None, None),
        (194, "garbage", None, None, None),
    ],
)
def test_decode_raw(
    attribute: int, string: str | None, packed: int | None, hours: int | None, figure: int | None
) -> None:
    assert decode_raw(attribute, string, packed, hours) == figure

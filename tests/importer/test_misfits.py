import pytest

from appliance.importer.misfits import Misfit, Misfits
from appliance.importer.types import Detector


def first(*batches: list[str]) -> Misfit | None:
    detector, misfits = Detector(), Misfits()
    for batch in batches:
        detector.feed(batch)
        misfits.feed(batch, detector.possible)
    assert detector.type == "TEXT" or misfits.first is None
    return misfits.first


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([["1", "2", "1e5", "4"]], Misfit(value="1e5", row=2)),
        ([["1", "2.5", "", "NA"], ["3"], ["7", "x"]], Misfit(value="x", row=6)),
        ([["2024-01-31"] * 20, ["2024-01-31", "31.01.2024"]], Misfit(value="31.01.2024", row=21)),
        ([["1"] * 300, ["007"] * 3, ["8"] * 10], Misfit(value="007", row=300)),
        ([["1", "a\nb", "3", "4"]], Misfit(value="a\nb", row=1)),
        ([["1", "2", "3.5", "-4"]], None),
        ([["1", "2", "x"]], None),
        ([["Ada", "Bo", "Cy", "12"] * 5], None),
        ([[""] * 500, ["a note"], ["another", "3"]], None),
        ([["true"] * 9, ["2"]], None),
    ],
)
def test_the_first_misfit_of_an_otherwise_typed_column(
    batches: list[list[str]], expected: Misfit | None
) -> None:
    assert first(*batches) == expected

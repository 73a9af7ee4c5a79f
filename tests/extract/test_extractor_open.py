"""What goes wrong in the block of an extractor comes out as it is."""

import pytest

from appliance.extract.extractor import Extractor


async def test_an_error_of_the_block_comes_out_as_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Extractor.open():
            raise ZeroDivisionError

"""What many ask for one by one is done at once; one that fails tells all who were in it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from common.background import run_elsewhere
from common.together import PerLoop, Together


class Work:
    """Doubles numbers, a batch at a time; the first waits for ``go``."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        await self.go.wait()
        return [2 * number for number in numbers]


async def test_one_turn_is_one_batch_and_what_comes_meanwhile_the_next() -> None:
    work = Work()
    together = Together(work, most=100)
    first = [together.do(number) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    later = [together.do(number) for number in (4, 5)]
    work.go.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8, 10]
    assert work.batches == [[1, 2, 3], [4, 5]]


async def test_who_is_alone_waits_a_moment_for_company() -> None:
    work = Work()
    work.go.set()
    together = Together(work, most=100, linger_s=0.2)
    alone = together.do(1)
    await asyncio.sleep(0)
    company = together.do(2)
    assert [await alone, await company] == [2, 4]
    assert work.batches == [[1, 2]]


async def test_a_batch_is_bounded() -> None:
    work = Work()
    work.go.set()
    together = Together(work, most=2)
    assert await asyncio.gather(*(together.do(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert work.batches == [[0, 1], [2, 3], [4]]


async def test_an_error_reaches_everybody_in_the_batch_and_nobody_else() -> None:
    async def fragile(numbers: list[int]) -> list[int]:
        if 13 in numbers:
            raise ValueError("13")
        return numbers

    together = Together(fragile, most=2)
    done = await asyncio.gather(
        *(together.do(number) for number in (1, 13, 3, 4)), return_exceptions=True
    )
    assert [str(each) for each in done] == ["13", "13", "3", "4"]


async def test_who_gives_up_disturbs_nobody() -> None:
    work = Work()
    together = Together(work, most=100)
    hasty, patient = together.do(1), together.do(2)
    await asyncio.sleep(0)
    hasty.cancel()
    work.go.set()
    assert await patient == 4
    assert await together.do(3) == 6


def test_each_loop_has_its_own() -> None:
    things = PerLoop(object)

    async def twice() -> tuple[object, object]:
        return things(), things()

    one, same = asyncio.run(twice())
    other, _same = asyncio.run(twice())
    assert one is same
    assert one is not other


def test_code_without_a_loop_shares_one_with_others() -> None:
    async def where() -> tuple[str, asyncio.AbstractEventLoop]:
        return threading.current_thread().name, asyncio.get_running_loop()

    async def broken() -> None:
        raise ValueError("broken")

    name, loop = run_elsewhere(where())
    assert name != threading.current_thread().name
    assert run_elsewhere(where()) == (name, loop)
    with pytest.raises(ValueError, match="broken"):
        run_elsewhere(broken())

"""The body budget: bounded, fair, and never at a standstill."""

import asyncio
import contextlib
import random
from collections.abc import Callable

from canter.transports.budget import BodyBudget, Hold


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def begin(budget: BodyBudget) -> tuple[Hold, Callable[[], None]]:
    """A body that begins to be read, and the function that ends it."""
    stack = contextlib.ExitStack()
    return stack.enter_context(budget.reading()), stack.close


async def test_within_the_limit_nobody_waits() -> None:
    """Bytes that fit are held at once and given back at the end."""
    budget = BodyBudget(100)
    with budget.reading() as one, budget.reading() as two:
        assert one.take(60)
        assert two.take(40)
        assert budget.held == 100
    assert budget.held == 0
    assert budget.peak == 100


async def test_the_oldest_goes_on_beyond_the_limit() -> None:
    """A body larger than the whole budget is read when it is the oldest; a younger one waits."""
    budget = BodyBudget(100)
    with budget.reading() as oldest, budget.reading() as younger:
        assert oldest.take(1000)
        assert not younger.take(1)


async def test_first_come_first_served() -> None:
    """A small need behind a large one does not overtake it."""
    budget = BodyBudget(100)
    order: list[str] = []

    async def wait(hold: Hold, size: int, name: str) -> None:
        await hold.wait(size)
        order.append(name)

    oldest, end_oldest = begin(budget)
    large, end_large = begin(budget)
    small, end_small = begin(budget)
    assert oldest.take(90)
    assert not large.take(60)
    first = asyncio.create_task(wait(large, 60, "large"))
    await settle()
    assert not small.take(5)  # it would fit, but others wait
    second = asyncio.create_task(wait(small, 5, "small"))
    await settle()
    assert order == []
    end_oldest()
    await asyncio.gather(first, second)
    assert order == ["large", "small"]
    end_large()
    end_small()
    assert budget.held == 0


async def test_the_next_oldest_is_let_on_when_the_oldest_ends() -> None:
    """Two readers that hold the whole budget and both want more do not wait for each other."""
    budget = BodyBudget(100)
    oldest, end_oldest = begin(budget)
    second, end_second = begin(budget)
    third, end_third = begin(budget)
    assert oldest.take(1)
    assert second.take(50)
    assert third.take(49)
    waits = [asyncio.create_task(hold.wait(60)) for hold in (third, second)]
    await settle()
    assert not any(task.done() for task in waits)
    end_oldest()
    await settle()
    assert [task.done() for task in waits] == [False, True]  # the older one, although it came later
    end_second()
    await asyncio.wait_for(asyncio.gather(*waits), 1)
    end_third()
    assert budget.held == 0


async def test_a_cancelled_wait_gives_its_place_up() -> None:
    """Who is cancelled in the line, or just as its turn came, leaves nothing behind."""
    budget = BodyBudget(100)
    oldest, end_oldest = begin(budget)
    large, end_large = begin(budget)
    small, end_small = begin(budget)
    assert oldest.take(100)
    first = asyncio.create_task(large.wait(80))
    second = asyncio.create_task(small.wait(10))
    await settle()
    first.cancel()
    await settle()
    assert first.cancelled()
    end_oldest()
    assert budget.held == 10  # granted, and not yet told
    second.cancel()
    await settle()
    assert second.cancelled()
    end_large()
    end_small()
    assert budget.held == 0


async def test_any_crowd_gets_through_within_limit_and_one_body() -> None:
    """Readers of any size and order, some cancelled, all end; the most held is the bound."""
    limit, largest = 1000, 700
    for seed in range(20):
        chance = random.Random(seed)
        budget = BodyBudget(limit)

        async def read(size: int, budget: BodyBudget = budget, chance: random.Random = chance) -> None:
            with budget.reading() as hold:
                while hold.size < size:
                    step = min(size - hold.size, chance.randint(1, 100))
                    if not hold.take(step):
                        await hold.wait(step)
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(read(chance.randint(1, largest))) for _ in range(40)]
        for task in chance.sample(tasks, 8):
            await settle()
            task.cancel()
        await asyncio.wait_for(asyncio.wait(tasks), 10)
        assert all(task.done() for task in tasks)
        assert budget.held == 0
        assert limit / 2 < budget.peak <= limit + largest

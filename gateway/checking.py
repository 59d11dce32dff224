"""Backends are asked how they are, so that one that died is left alone before anybody's request finds out."""

import asyncio

from gateway.process import Gateway
from gateway.reaching import Reach
from gateway.upstream.model import Call, Failed

WELL = range(200, 400)


async def keep_checking(gateway: Gateway) -> None:
    """Ask all of them now and then; for as long as the process lives."""
    while True:
        await asyncio.sleep(gateway.settings.file.health.every)
        await check(gateway)


async def check(gateway: Gateway) -> None:
    """Ask each server once, and tell the core of all models that it serves."""
    serving: dict[tuple[int, str], list[tuple[str, str, Reach]]] = {}
    for (model, name), reach in gateway.reaches.items():
        if reach.part.check:
            serving.setdefault((id(reach.upstream), reach.part.check), []).append((model, name, reach))
    await asyncio.gather(*(_check(gateway, each) for each in serving.values()))


async def _check(gateway: Gateway, served: list[tuple[str, str, Reach]]) -> None:
    reach = served[0][2]
    well = await _is_well(reach, gateway.settings.file.health.within)
    for model, name, asked in served:
        if gateway.reaches.find(model, name) is asked:  # else it has gone while it was asked
            gateway.passage.tell(gateway.core.checked(model, name, gateway.clock(), well=well))


async def _is_well(reach: Reach, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            answer = await reach.upstream.ask(Call(reach.part.check.encode(), reach.headers, method=b"GET"))
            try:
                while await answer.read():
                    pass
            finally:
                answer.close()
            return answer.status in WELL
    except (Failed, TimeoutError):
        return False

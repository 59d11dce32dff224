"""One step of a drain as a transaction: kept when the block that watches it ends well, taken back when it does not."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from napalm.base import NetworkDriver
from napalm.base.exceptions import NapalmException

from topologies.errors import Fault

SLACK = 30  # seconds that the router waits for our word beyond what we wait for the fabric


@contextmanager
def kept(driver: NetworkDriver, text: str, why: str, *, within: float) -> Iterator[None]:
    """Have a router run more lines; the block has `within` seconds to see what comes of it.

    Raises Fault where the router does not take them. Whatever ends the block early, an interrupt too, takes them back,
    and where that cannot be done the router does it itself.
    """
    seconds = math.ceil(within) + SLACK
    with faults():
        driver.load_merge_candidate(config=text)
        driver.commit_config(message=why, revert_in=seconds)
    try:
        yield
    except BaseException as error:
        _take_back(driver, error, seconds)
        raise
    with faults():
        driver.confirm_commit()


def commit(driver: NetworkDriver, text: str, why: str) -> None:
    """Have a router run more lines for good. Raises Fault where it does not take them."""
    with faults():
        driver.load_merge_candidate(config=text)
        driver.commit_config(message=why)


def running(driver: NetworkDriver) -> str:
    """The running configuration. Raises Fault where the router does not tell."""
    with faults():
        return str(driver.get_config(retrieve="running")["running"])


def _take_back(driver: NetworkDriver, error: BaseException, seconds: int) -> None:
    try:
        driver.rollback()
    except NapalmException as second:
        told = f"and that could not be taken back ({second}): the router does it within {seconds} s"
        raise Fault(f"{error or type(error).__name__}; {told}") from error


@contextmanager
def faults() -> Iterator[None]:
    """What NAPALM raises, as a Fault."""
    try:
        yield
    except NapalmException as error:
        raise Fault(str(error)) from error

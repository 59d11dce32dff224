"""What stands for msgspec in nodes, whose Python has its standard library only: its Structs, as dataclasses.

The agent and the server read no msgspec; modules that they share with the rest of closlab have their nouns from it.
"""

import dataclasses
from typing import dataclass_transform

field = dataclasses.field


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Struct:
    """A value with fields. Of msgspec's options those count that change what can be done with one."""

    def __init_subclass__(
        cls,
        *,
        frozen: bool = False,
        order: bool = False,
        kw_only: bool = False,
        dict: bool = False,
        forbid_unknown_fields: bool = False,
    ) -> None:
        """Make a dataclass of it; `dict`, room for cached properties, is there anyway, and nothing is read as one."""
        super().__init_subclass__()
        dataclasses.dataclass(frozen=frozen, order=order, kw_only=kw_only)(cls)

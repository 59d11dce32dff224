"""What went wrong with a change, as the exceptions that NAPALM's users catch."""

from collections.abc import Iterator
from contextlib import contextmanager

from napalm.base.exceptions import (
    CommandErrorException,
    CommitConfirmException,
    CommitError,
    MergeConfigException,
    ReplaceConfigException,
)

from napalm_frr.errors import NotCommitted, NothingWaits, NotTaken, StepFailed


@contextmanager
def in_napalms_words() -> Iterator[None]:
    """Raise NAPALM's exceptions in place of this package's own."""
    try:
        yield
    except NotCommitted as error:
        raise CommitError(str(error)) from error
    except NothingWaits as error:
        raise CommitConfirmException(str(error)) from error
    except StepFailed as error:
        raise CommandErrorException(str(error)) from error
    except NotTaken as error:
        raise (ReplaceConfigException if error.replaces else MergeConfigException)(str(error)) from error

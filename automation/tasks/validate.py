"""Compare a router with the rules of its plan, as a task of Nornir."""

from collections.abc import Mapping, Sequence

from nornir.core.task import Result, Task

from automation.validation.report import findings
from automation.validation.rules import Rule

CONNECTION = "napalm"


def validate(task: Task, *, rules: Mapping[str, Sequence[Rule]]) -> Result:
    """What of a router is not as its rules say; the result is a tuple of `Finding`, empty where it complies.

    Raises KeyError for a router that has no rules.
    """
    driver = task.host.get_connection(CONNECTION, task.nornir.config)
    report = driver.compliance_report(validation_source=list(rules[task.host.name]))
    found = findings(task.host.name, report)
    return Result(host=task.host, result=found, failed=False)

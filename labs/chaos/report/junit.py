"""Runs as JUnit XML, which GitHub, GitLab and Jenkins show: a suite for each run, a case for each expectation. Pure."""

from collections.abc import Sequence
from xml.etree import ElementTree

from labs.chaos.model import Run


def junit(runs: Sequence[Run]) -> str:
    """The runs as one document."""
    root = ElementTree.Element("testsuites", name="closlab")
    for run in runs:
        failed = sum(not each.holds for each in run.verdicts)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{run.scenario} (seed {run.seed})",
            tests=str(len(run.verdicts)),
            failures=str(failed),
            errors="0",
            skipped="0",
            time=f"{run.recording.ended:.3f}",
            timestamp=run.began,
        )
        for verdict in run.verdicts:
            case = ElementTree.SubElement(suite, "testcase", name=verdict.expectation, classname=run.scenario)
            if not verdict.holds:
                failure = ElementTree.SubElement(case, "failure", message=verdict.why)
                failure.text = f"{verdict.measured}\nagain: {run.again}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

"""What `closlab apply` and `restore` do: the intended configuration to all routers of a lab, proven before it stays."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace
from nornir.core import Nornir
from nornir.core.processor import Processor

from automation.intended import intended
from automation.orchestra import PATIENCE, routers
from automation.outcome import Outcome
from automation.proof import halfway, proven
from automation.renewal import refuse_rebuilding
from automation.rollout import Rollout, preview, roll_out
from automation.ztp.contents import contents
from automation.ztp.publishing import BUNDLES, SERVED, folder, publish
from telemetry.check import CheckReport
from telemetry.model import Difference
from topologies import deploy
from topologies.errors import Mistake
from topologies.lab import Lab, LabNode
from topologies.plan import Plan
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store

TOLD = 3  # differences in a sentence


class Manner(Struct, frozen=True, kw_only=True):
    """How a change is made. Times in seconds; `waves` is the most routers of one, 0 for all at once."""

    revert_in: int = 120
    within: float = 30
    waves: int = 0
    dry_run: bool = False
    processors: tuple[Processor, ...] = ()


class Applied(Struct, frozen=True):
    """What became of it. `report` is the last check, None where none was made; `renewed`: the lab has a new plan."""

    outcome: Outcome
    report: CheckReport | None = None
    renewed: bool = False

    @property
    def refuted(self) -> bool:
        """Whether all routers took it, and the check then said no."""
        return self.report is not None and bool(self.report.differences)


def apply(name: str, source: deploy.Source | None, manner: Manner, *, at: Store) -> Applied:
    """Have a lab's routers run what its fabric file says, a new version of it where `source` is one.

    Raises Mistake where the lab has no plan, or the new version wants more than other configurations.
    """
    refuse_hurry(manner)
    with at.claim(name, "apply"):
        record = at.read(name)
        after = renewed(record, source) if source else record
        plans = (planned(after), planned(record))
        texts = texts_of(after)
        nornir = _conducted(record, list(texts), manner)
        if manner.dry_run:
            return Applied(preview(nornir, texts, settled=True))
        refuse_drained(record, texts)
        proof = _Proof(after, plans, manner.within)
        wanted = Rollout(
            texts=texts,
            message=message("apply"),
            revert_in=manner.revert_in,
            verify=proof.last,
            between=proof.between,
            waves=manner.waves,
            kept=partial(_keep, after, source, at),
        )
        outcome = roll_out(nornir, wanted)
        return Applied(outcome, proof.report, renewed=outcome.fine and after != record)


def restore(name: str, texts: Mapping[str, str], manner: Manner, *, at: Store) -> Applied:
    """Have routers run these configurations again; whether that is what the plan says is not asked."""
    with at.claim(name, "restore"):
        nornir = _conducted(at.read(name), list(texts), manner)
        if manner.dry_run:
            return Applied(preview(nornir, texts, settled=True))
        wanted = Rollout(texts=texts, message=message("restore"), revert_in=manner.revert_in, waves=manner.waves)
        return Applied(roll_out(nornir, wanted))


def refuse_drained(record: LabRecord, names: Collection[str]) -> None:
    """Raise Mistake where a router is out of service on purpose: what it is meant to run would take it back at once."""
    from telemetry.beside import out_of_service
    from telemetry.facts import collect

    for name, out in out_of_service(collect(record, names)).items():
        raise Mistake(f"lab {record.name}: {name} is {out}; `closlab undrain {name}` takes it back, then apply")


def texts_of(record: LabRecord) -> Mapping[str, str]:
    """What each router is meant to run; raises Mistake where nobody said."""
    texts = intended(record.lab)
    if not record.fabric_text or not texts:
        raise Mistake(
            f"lab {record.name} has no plan: its file is containerlab's, and says not what its routers are to run;"
            " `closlab backup` and `closlab restore` work there"
        )
    return texts


def planned(record: LabRecord) -> Plan:
    """The plan of a lab; raises Mistake where it has none."""
    plan = deploy.plan_of(record)
    if plan is None:
        raise Mistake(f"lab {record.name} has no plan")
    return plan


def renewed(record: LabRecord, source: deploy.Source) -> LabRecord:
    """The record of a lab with a new version of its fabric file; raises Mistake where that wants another lab."""
    if source.plan is None:
        raise Mistake(f"{source.path}: only a fabric file can be applied; this is a containerlab file")
    texts_of(record)
    refuse_rebuilding(_as_its_file_says(record), source.lab, source.path)
    fresh = {node.name: node for node in source.lab.nodes}
    nodes = tuple(_renewed(node, fresh[node.name]) if node.name in fresh else node for node in record.lab.nodes)
    lab = replace(record.lab, nodes=nodes, file=source.path)
    return replace(record, lab=lab, fabric_text=source.text)


def _renewed(node: LabNode, fresh: LabNode) -> LabNode:
    """A node with new files, beside those that its file says nothing of, such as a switch's identity."""
    named = {file.path for file in fresh.files}
    others = tuple(file for file in node.files if file.path not in named)
    return replace(node, files=(*fresh.files, *others), labels=fresh.labels)


def _keep(after: LabRecord, source: deploy.Source | None, at: Store) -> None:
    """Have a change on record, and in the bundles of switches that provision themselves: they ask for them again."""
    at.write(after)
    bundles = folder(at, after.name) / SERVED / BUNDLES
    if source is not None and source.plan is not None and bundles.exists():
        publish(bundles, contents(source.lab, source.plan))


def _as_its_file_says(record: LabRecord) -> Lab:
    """A lab out of the text that it was brought up from: the one in its record has what its runtime made of it."""
    from topologies.render.assemble import lab

    fabric = deploy.fabric_of(record)
    if fabric is None:
        raise Mistake(f"lab {record.name} has no plan")
    return lab(fabric, planned(record))


def refuse_hurry(manner: Manner) -> None:
    """Raise Mistake where routers would go back before the check may end."""
    if manner.revert_in <= manner.within:
        told = f"routers would go back before the check may end; it must be more than --within {manner.within:g}"
        raise Mistake(f"--revert-in {manner.revert_in}: {told}")


def message(command: str) -> str:
    """What routers remember a change by, unlike any other's."""
    return f"closlab {command} {uuid.uuid4().hex[:12]}"


class _Proof:
    """Checks a lab on behalf of a rollout, and keeps the last report."""

    def __init__(self, record: LabRecord, plans: Sequence[Plan], within: float) -> None:
        self._record, self._plans, self._within = record, plans, within
        self.report: CheckReport | None = None

    def last(self) -> str:
        self.report = proven(self._record, self._plans[0], within=self._within)
        return said(self.report.differences)

    def between(self) -> str:
        return said(halfway(self._record, self._plans, within=self._within))


def said(differences: Sequence[Difference]) -> str:
    """Differences in a sentence, "" for none."""
    told = [str(each) for each in differences[:TOLD]]
    more = [f"and {len(differences) - TOLD} more"] if len(differences) > TOLD else []
    return f"the check found: {'; '.join(told + more)}" if told else ""


def _conducted(record: LabRecord, names: Sequence[str], manner: Manner) -> Nornir:
    nornir = routers(record, names, timeout=PATIENCE)
    return nornir.with_processors(list(manner.processors)) if manner.processors else nornir

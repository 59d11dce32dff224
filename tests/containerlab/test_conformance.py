"""The containerlab runtime does what every runtime must do."""

import pytest
from conformance import LEAF, Conformance, Running

from topologies import deploy, process
from topologies.runtime.containerlab import api, cli, engine
from topologies.runtime.model import Action, LabRecord, Life


class TestContainerlab(Conformance):
    """The suite on the real containerlab."""

    runtime = "containerlab"

    def left_behind(self, record: LabRecord) -> str:
        """Containers, the network with its bridge, and the firewall table."""
        left = [each.name for each in engine.containers(record.name)]
        network = engine.network_name(record.id)
        left += [network] if engine.network_exists(network) else []
        tables = process.run(["nft", "list", "tables"]).stdout.splitlines()
        return ", ".join([*left, *(each for each in tables if record.id in each)])

    @pytest.mark.parametrize(("where", "step"), [(api, "create"), (cli, "start"), (engine, "remove")])
    def test_a_renewal_that_is_cut_off_is_gone_on_with(
        self, lab: Running, where: object, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before its container goes, before another is made, before that runs: the node is dead until it is renewed."""
        lab.door(LEAF).run(["sh", "-c", "echo mine >/etc/hdmine"])
        lab.act(LEAF, Action.KILL)

        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(where, step, cut_off)
            with pytest.raises(KeyboardInterrupt):
                lab.renew(LEAF)
        assert lab.look()[LEAF] is Life.DEAD

        lab.renew(LEAF)

        assert lab.look()[LEAF] is Life.RUNNING
        assert lab.door(LEAF).run(["cat", "/etc/hdmine"], check=False).code
        lab.converge()

    def test_a_renewal_that_was_not_noted_is_done_again(self, lab: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        """The new container ran already, and nobody knew: its links are put aside before it goes."""
        lab.act(LEAF, Action.KILL)

        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(deploy.store.Store, "write", cut_off)
            with pytest.raises(KeyboardInterrupt):
                lab.renew(LEAF)
        assert lab.look()[LEAF] is Life.DEAD

        lab.renew(LEAF)

        assert lab.look()[LEAF] is Life.RUNNING
        lab.converge()

"""All commands under their names. Everything heavy is imported inside the commands, so that `--help` is quick."""

import typer

from labs.cli import (
    announce_command,
    automation_commands,
    balance_command,
    drain_commands,
    gateway_commands,
    lab_commands,
    link_commands,
    load_command,
    look_commands,
    node_commands,
    scenario_commands,
    traffic_commands,
    validate_commands,
    what_if_command,
    workload_commands,
    ztp_commands,
)

HELP = "A testbed for AI GPU fabrics: one file describes a leaf-spine fabric, one command runs it with real BGP."
WORDS = {"help_option_names": ["-h", "--help"]}
TAIL = {"ignore_unknown_options": True}  # what follows NODE belongs to the program there
PASSED = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(name="closlab", help=HELP, no_args_is_help=True, context_settings=WORDS)
    _lab_commands(app)
    _node_commands(app)
    _automation_commands(app)
    _scenario_commands(app)
    _traffic_commands(app)
    _look_commands(app)
    _service_commands(app)
    return app


def _lab_commands(app: typer.Typer) -> None:
    panel = "Labs"
    for function in (lab_commands.up, lab_commands.down, lab_commands.ls, lab_commands.show, look_commands.check):
        app.command(function.__name__, rich_help_panel=panel)(function)


def _service_commands(app: typer.Typer) -> None:
    panel = "Services"
    app.add_typer(workload_commands.build(), name="workload", rich_help_panel=panel)
    app.add_typer(gateway_commands.build(), name="gateway", rich_help_panel=panel)
    app.command("load", rich_help_panel=panel)(gateway_commands.load())


def _node_commands(app: typer.Typer) -> None:
    panel = "Nodes and cables"
    app.command("exec", rich_help_panel=panel, context_settings=TAIL)(node_commands.exec_)
    for function in (node_commands.shell, node_commands.vtysh, node_commands.logs, node_commands.cp):
        app.command(function.__name__, rich_help_panel=panel)(function)
    app.command("balance", rich_help_panel=panel)(balance_command.balance)
    app.command("announce", rich_help_panel=panel)(announce_command.announce)
    node = typer.Typer(no_args_is_help=True, help="Pause, kill or restart a node.")
    for verb in ("pause", "resume", "kill", "start", "restart"):
        node.command(verb)(getattr(node_commands, f"node_{verb}"))
    node.command("restart-daemon")(node_commands.node_restart_daemon)
    app.add_typer(node, name="node", rich_help_panel=panel)
    link = typer.Typer(no_args_is_help=True, help="Raise, lower, impair or show cables.")
    for verb in ("up", "down", "show"):
        link.command(verb)(getattr(node_commands, f"link_{verb}"))
    for verb in ("set", "clear"):
        link.command(verb)(getattr(link_commands, f"link_{verb}"))
    app.add_typer(link, name="link", rich_help_panel=panel)
    ztp = typer.Typer(no_args_is_help=True, help="Zero-touch provisioning of a lab from `up --ztp`.")
    for verb in ("status", "approve", "reprovision"):
        ztp.command(verb)(getattr(ztp_commands, f"ztp_{verb}"))
    app.add_typer(ztp, name="ztp", rich_help_panel=panel)


def _scenario_commands(app: typer.Typer) -> None:
    panel = "Scenarios"
    app.command("run", rich_help_panel=panel)(scenario_commands.run)
    app.command("soak", rich_help_panel=panel)(scenario_commands.soak)
    app.command("scenarios", rich_help_panel=panel)(scenario_commands.scenarios)


def _traffic_commands(app: typer.Typer) -> None:
    traffic = typer.Typer(no_args_is_help=True, help="RDMA over Ethernet.")
    traffic.command("run")(load_command.run)
    traffic.command("decode")(traffic_commands.decode)
    app.add_typer(traffic, name="traffic", rich_help_panel="Traffic")
    app.command("what-if", rich_help_panel="Traffic")(what_if_command.what_if)


def _automation_commands(app: typer.Typer) -> None:
    panel = "Configurations"
    for function in (
        automation_commands.diff,
        automation_commands.apply,
        automation_commands.drift,
        automation_commands.backup,
        automation_commands.restore,
        drain_commands.drain,
        drain_commands.undrain,
        ztp_commands.replace,
        validate_commands.validate,
    ):
        app.command(function.__name__, rich_help_panel=panel)(function)


def _look_commands(app: typer.Typer) -> None:
    panel = "Files and the machine"
    for function in (
        look_commands.render,
        look_commands.graph,
        look_commands.schema,
        look_commands.doctor,
        look_commands.version,
    ):
        app.command(function.__name__, rich_help_panel=panel)(function)
    app.command("clab", rich_help_panel=panel, context_settings=PASSED, add_help_option=False)(look_commands.clab)

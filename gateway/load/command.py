"""`closlab load`. What it needs is imported inside, as in `gateway.command`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import EXIT_FAULT, Fault, Mistake

URL = Annotated[str, typer.Argument(help="Of an API such as OpenAI's: http://127.0.0.1:8080/v1", metavar="URL")]


def load(
    url: URL,
    model: Annotated[str, typer.Option(help="The model that is asked.")] = "llama",
    key: Annotated[str, typer.Option(help="Where the key is: env:NAME or file:PATH.")] = "",
    rate: Annotated[float, typer.Option(help="Requests a second in the mean, at random moments (Poisson).")] = 10.0,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 10.0,
    trace: Annotated[
        Path | None,
        typer.Option(help='Instead, requests of a file: lines of {"at": 0.25, "prompt": 100, "answer": 30}.'),
    ] = None,
    prompt: Annotated[int, typer.Option(help="Tokens of a prompt, about.")] = 20,
    answer: Annotated[int, typer.Option(help="Tokens of an answer, at most.")] = 50,
    stream: Annotated[bool, typer.Option("--stream", help="As streams of events.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds until one is given up.")] = 60.0,
    retries: Annotated[
        int,
        typer.Option(min=0, help="How often one that is refused or fails is asked again, whatever is said of that."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="What the moments follow from.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with whole histograms.")] = False,
) -> None:
    """Load an API with requests that do not wait for each other, and show what became of them."""
    import asyncio
    from random import Random

    from gateway.config import reading
    from gateway.load.asking import loaded
    from gateway.load.model import Ask, Wanted, poisson, traced
    from gateway.load.reports import printed

    for name, value in (("--rate", rate), ("--seconds", seconds), ("--patience", patience)):
        if not 0 < value < float("inf"):
            raise Mistake(f"{name}: {value:g} is not a number above 0")
    if not url.startswith(("http://", "https://")):
        raise Mistake(f"{url}: not http://HOST:PORT/v1")
    ask = Ask(0.0, max(prompt, 1), max(answer, 1))
    asks = traced(_text(trace), str(trace)) if trace else list(poisson(rate, seconds, ask, Random(seed).expovariate))
    said = reading.secret(key) if key else ""
    wanted = Wanted(url.rstrip("/"), model, said, "stream" if stream else "chat", patience, retries)
    result = asyncio.run(loaded(wanted, asks))
    printed(result, json=json)
    if not result.fates.get("answered"):
        typer.echo("closlab: none was answered", err=True)
        raise typer.Exit(EXIT_FAULT)


EXTRA = ("aiohttp", "hdrh")
"""What it needs beside the base of closlab."""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        raise Mistake(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{path}: cannot be read: {error}") from None

"""The gateway's file: what it means, and what is refused in it, by line and column."""

from pathlib import Path

import pytest

from gateway.config.settings import NONE, address, settle
from gateway.core.model import Price, Priority
from gateway.core.servers import Server
from gateway.core.tenants import Limits
from gateway.errors import Mistake
from gateway.keys import Key

HASH = "ab" * 32
WHOLE = f"""
listen: "[::1]:9000"
rack: r1
models:
  llama:
    aliases: [gpt-x]
    fallback: [small]
    served_as: meta/llama
    price: {{prompt: 0.5, answer: 1.5}}
    backends:
      - {{url: "http://10.0.0.1:8000", rack: r1}}
      - {{url: "https://models.example/v2", rack: r2, name: far, key: "env:KEY"}}
  small:
    backends: [{{url: "http://10.0.0.3:8000"}}]
tenants:
  research: {{requests_per_minute: 600, budget: 20, weight: 2, priority: high, models: [llama, small]}}
  others: {{}}
keys:
  - {{sha256: {HASH}, tenant: research, models: [llama], expires: 2027-01-31T00:00:00Z}}
"""
LEAST = 'models: {m: {backends: [{url: "http://h:1"}]}}\n'


def test_a_whole_file_is_understood() -> None:
    """Everything in the units of the core."""
    settings = settle(WHOLE, "g.yml")

    assert settings.setup.rack == "r1"
    assert settings.setup.models["llama"].servers == (Server("10.0.0.1:8000", "r1"), Server("far", "r2"))
    assert settings.setup.models["llama"].price == Price(0.5, 1.5)
    assert settings.setup.tenants["research"] == Limits(requests_per_minute=600, budget=20_000_000, weight=2)
    assert settings.setup.tenants["others"] == Limits()
    assert settings.priorities == {"research": Priority.HIGH, "others": Priority.NORMAL}
    assert settings.routes["gpt-x"] == settings.routes["llama"]
    assert (settings.routes["gpt-x"].served_as, settings.routes["small"].served_as) == ("meta/llama", "small")
    assert settings.backends["llama"]["far"].key == "env:KEY"
    assert settings.keys == {bytes.fromhex(HASH): Key("research", "", frozenset({"llama"}), 1801353600.0)}


def test_the_least_file_has_no_limits() -> None:
    """And retries, but no hedges."""
    settings = settle(LEAST, "g.yml")

    assert settings.keys == {}
    assert settings.setup.again.share == 0.1
    assert settings.setup.hedges == NONE
    assert settings.setup.bounds.requests == 10_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "g.yml: the file is empty"),
        ("models: [", "g.yml:2:1: not YAML"),
        ("{}", "g.yml: no models, and no database that others could be in"),
        (LEAST + "lisen: x", "did you mean 'listen'?; allowed: models, tenants"),
        (LEAST + "rack: a\nrack: b", "g.yml:3:1: 'rack' is given twice here"),
        (LEAST + "listen: 8080", "g.yml:2:9: listen: expected `str`, got `int`"),
        (LEAST + "listen: localhost", "g.yml:2:9: 'localhost' is not HOST:PORT"),
        ("models: {m: {backends: []}}", "models.m.backends: expected `array` of length >= 1"),
        (
            "models: {a: {backends: [{url: 'http://h'}]}, b: {backends: [{url: 1}]}}",
            "models.b.backends[0].url: expected",
        ),
        ("models: {m: {backends: [{url: 'ftp://h'}]}}", "g.yml:1:31: 'ftp://h' is not http://HOST:PORT"),
        ("models: {m: {backends: [{url: 'http://h:x'}]}}", "'http://h:x' is no URL"),
        (
            "models: {m: {backends: [{url: 'http://h/a b'}]}}",
            "g.yml:1:31: 'http://h/a b' has a path that cannot be sent",
        ),
        ("models: {m: {backends: [{url: 'http://a b'}]}}", "'http://a b' has no host that can be named"),
        ("models: {m: {backends: [{url: 'http://ä..ö'}]}}", "has no host that can be named"),
        (
            "models: {m: {backends: [{url: 'http://h'}, {url: 'http://h/v2'}]}}",
            "g.yml:1:44: two backends of m are called",
        ),
        ("models: {m: {backends: [{url: 'http://h', key: sk-1}]}}", "g.yml:1:48: not env:NAME or file:PATH"),
        ("models: {m: {backends: [{url: 'http://h'}], fallback: [m]}}", "m cannot fall back to itself"),
        ("models: {m: {backends: [{url: 'http://h'}], fallback: [n]}}", "no model 'n'; there are m"),
        (
            "models: {m: {backends: [{url: 'http://h'}], aliases: [n]}, n: {backends: [{url: 'http://h'}]}}",
            "'n' means another model already",
        ),
        (LEAST + f"keys: [{{sha256: {HASH}, tenant: t}}]", "g.yml:2:91: no tenant 't'; there are none"),
        (
            LEAST + f"tenants: {{t: {{}}}}\nkeys: [{{sha256: {HASH}, tenant: t, models: [x]}}]",
            "no model 'x'; there are m",
        ),
        (
            LEAST + f"tenants: {{t: {{}}}}\nkeys: [{{sha256: {HASH}, tenant: t}}, {{sha256: {HASH}, tenant: t}}]",
            "g.yml:3:95: this key is in the file already",
        ),
        (
            LEAST + f"tenants: {{t: {{}}}}\nkeys: [{{sha256: {HASH}, tenant: t, expires: 2027-01-01}}]",
            "invalid RFC3339",
        ),
        (LEAST + "tenants: {t: {weight: 0}}", "tenants.t.weight: expected `float` > 0.0"),
        (LEAST + "tenants: {t: {priority: top}}", "tenants.t.priority: invalid enum value 'top'"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(text: str, said: str) -> None:
    """And with what is allowed, where that is a list."""
    with pytest.raises(Mistake) as caught:
        settle(text, "g.yml")

    assert said in str(caught.value)


def test_a_disjoint_scope_allows_nothing() -> None:
    """A key is never wider than its tenant."""
    text = WHOLE.replace("models: [llama, small]", "models: [small]")
    (key,) = settle(text, "g.yml").keys.values()

    assert not key.allows("llama")
    assert not key.allows("small")


def test_addresses() -> None:
    """With names, IPv4 and IPv6; a port of 0 means any."""
    assert address("h:0", "x") == ("h", 0)
    assert address("[::1]:80", "x") == ("::1", 80)
    for wrong in ("h", ":80", "::1:80", "h:70000", "h:-1", "h:8x"):
        with pytest.raises(Mistake, match="x: "):
            address(wrong, "x")


def test_the_file_in_the_documentation_is_one() -> None:
    """All of it, but for the hash that stands for anybody's."""
    text = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
    (file,) = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    settings = settle(file.replace("sha256: ...", f"sha256: {HASH}"), "docs/gateway.md")

    defaults = settle(LEAST, "g.yml").file
    named = {name for name in defaults.__struct_fields__ if f"\n{name}:" in f"\n{file}"}
    assert named >= set(defaults.__struct_fields__) - {"show_backend"}
    for part in ("times", "door", "queue", "health", "again"):
        assert getattr(settings.file, part) == getattr(defaults, part), "what it shows of these are the defaults"

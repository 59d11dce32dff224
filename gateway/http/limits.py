"""What a tenant has left, in the headers that OpenAI's clients look at."""

from gateway.core.bucket import Bucket
from gateway.core.tenants import Tenant
from gateway.upstream.model import Headers


def headers(tenant: Tenant | None, now: float) -> Headers:
    """The limit, what is left of it and when all of it is there again, of requests and of tokens a minute; nothing of a
    tenant that is no more."""
    if tenant is None or (tenant.requests is None and tenant.tokens is None):
        return ()
    return _of(b"requests", tenant.requests, now) + _of(b"tokens", tenant.tokens, now)


def _of(what: bytes, bucket: Bucket | None, now: float) -> Headers:
    if bucket is None:
        return ()
    capacity, left, full = bucket.told(now)
    return (
        (b"x-ratelimit-limit-" + what, b"%d" % capacity),
        (b"x-ratelimit-remaining-" + what, b"%d" % left),
        (b"x-ratelimit-reset-" + what, b"%.3fs" % full),
    )

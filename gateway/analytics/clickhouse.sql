-- name: request
CREATE TABLE IF NOT EXISTS request (
    at DateTime64(3), minute DateTime, tenant LowCardinality(String), model LowCardinality(String),
    backend LowCardinality(String), rack LowCardinality(String), outcome LowCardinality(String),
    reason LowCardinality(String), key LowCardinality(String), edge LowCardinality(String), kind LowCardinality(String),
    status UInt16, stream UInt8, tries UInt8, prompt_tokens UInt32, answer_tokens UInt32, cost Float64, waited Float32,
    first Float32, each Float32, overhead Float32, took Float32
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(at) ORDER BY (tenant, model, at)
TTL toDateTime(at) + INTERVAL {rows:UInt32} DAY
-- name: minute
CREATE TABLE IF NOT EXISTS request_minute (
    minute DateTime, tenant LowCardinality(String), model LowCardinality(String), backend LowCardinality(String),
    rack LowCardinality(String), outcome LowCardinality(String), reason LowCardinality(String),
    requests SimpleAggregateFunction(sum, UInt64), prompt_tokens SimpleAggregateFunction(sum, UInt64),
    answer_tokens SimpleAggregateFunction(sum, UInt64), cost SimpleAggregateFunction(sum, Float64),
    first SimpleAggregateFunction(sum, Float64), begun SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMM(minute)
ORDER BY (minute, tenant, model, backend, rack, outcome, reason) TTL minute + INTERVAL {minutes:UInt32} DAY
-- name: view
CREATE MATERIALIZED VIEW IF NOT EXISTS request_to_minute TO request_minute AS
SELECT minute, tenant, model, backend, rack, outcome, reason, count() AS requests,
    sum(toUInt64(r.prompt_tokens)) AS prompt_tokens, sum(toUInt64(r.answer_tokens)) AS answer_tokens,
    sum(r.cost) AS cost, sum(if(r.backend != '' AND outcome NOT IN ('refused', 'failed'), toFloat64(r.first), 0)) AS first,
    countIf(r.backend != '' AND outcome NOT IN ('refused', 'failed')) AS begun
FROM request AS r GROUP BY minute, tenant, model, backend, rack, outcome, reason
-- name: usage
SELECT {by}, sum(requests), sumIf(requests, outcome = 'answered'), sumIf(requests, outcome = 'refused'),
    sumIf(requests, outcome IN ('failed', 'broken')),
    sum(prompt_tokens), sum(answer_tokens), sum(cost), sum(first), sum(begun)
FROM request_minute WHERE minute >= {since:DateTime} GROUP BY {by} ORDER BY sum(requests) DESC, {by}

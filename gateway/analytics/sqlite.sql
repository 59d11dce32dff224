-- name: begin
CREATE TABLE IF NOT EXISTS request (
    at REAL NOT NULL, minute INTEGER NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL, backend TEXT NOT NULL,
    rack TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, key TEXT NOT NULL, edge TEXT NOT NULL,
    kind TEXT NOT NULL, status INTEGER NOT NULL, stream INTEGER NOT NULL, tries INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL, cost REAL NOT NULL, waited REAL NOT NULL,
    first REAL NOT NULL, each REAL NOT NULL, overhead REAL NOT NULL, took REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS request_at ON request (at);
CREATE TABLE IF NOT EXISTS request_minute (
    minute INTEGER NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL, backend TEXT NOT NULL, rack TEXT NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL, cost REAL NOT NULL, first REAL NOT NULL, begun INTEGER NOT NULL,
    PRIMARY KEY (minute, tenant, model, backend, rack, outcome, reason)
) WITHOUT ROWID;
-- name: insert
INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: sum
INSERT INTO request_minute VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    answer_tokens = answer_tokens + excluded.answer_tokens, cost = cost + excluded.cost,
    first = first + excluded.first, begun = begun + excluded.begun
-- name: usage
SELECT {by}, sum(requests),
    sum(CASE outcome WHEN 'answered' THEN requests ELSE 0 END), sum(CASE outcome WHEN 'refused' THEN requests ELSE 0 END),
    sum(CASE WHEN outcome IN ('failed', 'broken') THEN requests ELSE 0 END),
    sum(prompt_tokens), sum(answer_tokens), sum(cost), sum(first), sum(begun)
FROM request_minute WHERE minute >= ? GROUP BY {by} ORDER BY sum(requests) DESC, {by}
-- name: expire_requests
DELETE FROM request WHERE at < ?
-- name: expire_minutes
DELETE FROM request_minute WHERE minute < ?

-- The server's memory. Each query is named by the line before it; times are in seconds since the epoch.

-- name: schema
CREATE TABLE IF NOT EXISTS switch (
    serial TEXT NOT NULL,
    mac TEXT NOT NULL,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    address TEXT NOT NULL,
    node TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'discovering',
    why TEXT NOT NULL DEFAULT '',
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL,
    PRIMARY KEY (serial, mac)
) STRICT;
CREATE TABLE IF NOT EXISTS move (
    serial TEXT NOT NULL,
    mac TEXT NOT NULL,
    life TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    type TEXT NOT NULL,
    why TEXT NOT NULL,
    seconds REAL NOT NULL,
    heard REAL NOT NULL,
    PRIMARY KEY (serial, mac, life, number)
) STRICT;
CREATE TABLE IF NOT EXISTS approval (
    serial TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    mac TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE IF NOT EXISTS ruling (
    serial TEXT NOT NULL,
    mac TEXT NOT NULL,
    life TEXT NOT NULL,
    number INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (serial, mac, life, number)
) STRICT;

-- name: seen
INSERT INTO switch (serial, mac, model, version, address, first_seen, last_seen)
VALUES (:serial, :mac, :model, :version, :address, :now, :now)
ON CONFLICT (serial, mac) DO UPDATE
SET model = excluded.model, version = excluded.version, address = excluded.address, last_seen = excluded.last_seen

-- name: refused
UPDATE switch SET state = :state, why = :why WHERE serial = :serial

-- name: accepted
UPDATE switch SET node = :node, why = '' WHERE serial = :serial AND mac = :mac

-- name: move
INSERT OR IGNORE INTO move (serial, mac, life, number, state, type, why, seconds, heard)
VALUES (:serial, :mac, :life, :number, :state, :type, :why, :seconds, :now)

-- name: latest
UPDATE switch SET state = last.state, why = last.why
FROM (SELECT state, why FROM move WHERE serial = :serial AND mac = :mac ORDER BY rowid DESC LIMIT 1) AS last
WHERE serial = :serial AND mac = :mac

-- name: switches
SELECT serial, mac, model, version, address, node, state, why, first_seen, last_seen FROM switch ORDER BY last_seen

-- name: moves
SELECT serial, mac, life, number, state, type, why, seconds, heard FROM move ORDER BY rowid

-- name: approve
INSERT INTO approval (serial, node, mac) VALUES (:serial, :node, :mac)
ON CONFLICT (serial) DO UPDATE SET node = excluded.node, mac = excluded.mac

-- name: unseat
DELETE FROM approval WHERE node = :node AND serial <> :serial

-- name: vacate
UPDATE switch SET node = '', state = :state, why = :why WHERE node = :node AND serial <> :serial

-- name: rule
INSERT OR REPLACE INTO ruling (serial, mac, life, number, why) VALUES (:serial, :mac, :life, :number, :why)

-- name: ruling
SELECT why FROM ruling WHERE serial = :serial AND mac = :mac AND life = :life AND number = :number

-- name: approvals
SELECT serial, node, mac FROM approval

-- A message knows where it goes (a keyed hash), whether it is being sent and how often it
-- was handed over without an answer; a request that is repeated under its key is
-- answered as the first time.

-- +goose Up
ALTER TABLE outbox ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN leased BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE outbox ADD COLUMN handed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN done_at BIGINT;
CREATE INDEX outbox_order ON outbox (destination, created_at, id) WHERE state = 'Waiting';
CREATE INDEX outbox_dead ON outbox (tenant, done_at, class) WHERE state = 'Dead' AND class <> '';

CREATE TABLE idempotency (
    flow        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    challenge   TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (flow, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

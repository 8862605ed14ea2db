-- What the person of a session at the security-info pages has proved. A session goes with
-- its flow, which has the same end.

-- +goose Up
CREATE TABLE sessions (
    flow      TEXT   NOT NULL PRIMARY KEY,
    assurance TEXT   NOT NULL,
    proved_by TEXT   NOT NULL,
    proved_at BIGINT,
    device    BYTEA  NOT NULL,
    ends_at   BIGINT NOT NULL
);
CREATE INDEX sessions_ends ON sessions (ends_at);

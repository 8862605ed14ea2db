-- What a provider told of a message after it had taken it: advice, and nothing more. It
-- goes with its message.

-- +goose Up
CREATE TABLE receipts (
    message_id TEXT   NOT NULL PRIMARY KEY,
    outcome    TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX receipts_at ON receipts (at);

-- What a notice tells of, as JSON, as it stood when it was written: masks and dates,
-- nothing secret.

-- +goose Up
ALTER TABLE outbox ADD COLUMN about TEXT NOT NULL DEFAULT '';

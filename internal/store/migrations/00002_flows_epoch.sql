-- A restored store begins another epoch, which voids the flows of the one before.

-- +goose Up
ALTER TABLE flows ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

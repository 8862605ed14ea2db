-- +goose Up
-- The lanes of the courier, and what is due in each: where one is full, others are found
-- without a walk past all that waits in it.
CREATE INDEX outbox_lane ON outbox (tenant, channel, due_at, created_at, id) WHERE state = 'Waiting';

-- A challenge remembers from which network its code was asked for, and when its person
-- said that it was not them: who asked is throttled, once.

-- +goose Up
ALTER TABLE challenges ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE challenges ADD COLUMN reported_at BIGINT;

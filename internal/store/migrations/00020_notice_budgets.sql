-- +goose Up
-- Whoever was told of a change and follows the link has budgets of their own: flows name the contact that
-- got the notice, challenges what their wrong codes count for (the account where it is empty).
ALTER TABLE flows ADD COLUMN notified TEXT NOT NULL DEFAULT '';
ALTER TABLE challenges ADD COLUMN budget TEXT NOT NULL DEFAULT '';

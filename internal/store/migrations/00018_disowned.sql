-- +goose Up
-- Destinations of an account of which somebody who gets messages there said that the account
-- is not theirs. A fresh proof of the destination ends it.
CREATE TABLE disowned (
    tenant      TEXT   NOT NULL,
    destination TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, destination, account)
);
CREATE INDEX disowned_at ON disowned (at);

-- A notice says so once.
ALTER TABLE change_notices ADD COLUMN reported_at BIGINT;

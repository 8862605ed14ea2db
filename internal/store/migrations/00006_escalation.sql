-- What failures come to: counters that only failures touch, the devices that strangers
-- lock nobody out of, and how a country's codes fare.

-- +goose Up
ALTER TABLE blocks ADD COLUMN spared BYTEA;
ALTER TABLE facts ADD COLUMN spared BYTEA;
CREATE INDEX blocks_alike ON blocks (tenant, account, scope, start_at);
CREATE INDEX blocks_own ON blocks (tenant, expires_at) WHERE uid = '' AND end_state = '';

-- Failures of an account past its first factor, by method; '' counts odd names together.
CREATE TABLE failures (
    tenant   TEXT   NOT NULL,
    account  TEXT   NOT NULL,
    method   TEXT   NOT NULL,
    start_at BIGINT,
    until_at BIGINT,
    failed   BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, method)
);

-- Who was refused and who signed in from a network, each as a sketch of bounded size.
CREATE TABLE crowds (
    tenant   TEXT   NOT NULL,
    network  TEXT   NOT NULL,
    start_at BIGINT,
    until_at BIGINT,
    refused  BYTEA,
    welcome  BYTEA,
    PRIMARY KEY (tenant, network)
);

-- The devices of an account, hashed, and where each was seen last.
CREATE TABLE devices (
    tenant  TEXT   NOT NULL,
    account TEXT   NOT NULL,
    device  BYTEA  NOT NULL,
    network TEXT   NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, device)
);
CREATE INDEX devices_network ON devices (tenant, network, seen_at);
CREATE INDEX devices_seen ON devices (seen_at);

-- The country of each SMS or call; whether it was verified stands with its challenge.
CREATE TABLE code_countries (
    challenge_id TEXT   NOT NULL PRIMARY KEY,
    tenant       TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    flow         TEXT   NOT NULL,
    country      TEXT   NOT NULL,
    sent_at      BIGINT NOT NULL
);
CREATE INDEX code_countries_sent ON code_countries (tenant, country, sent_at);
CREATE INDEX code_countries_flow ON code_countries (flow, sent_at);

-- Held while a block of Holdfast's own is made; full_until spares the counting while
-- the budget is used up.
CREATE TABLE object_budgets (
    tenant     TEXT NOT NULL PRIMARY KEY,
    full_until BIGINT
);

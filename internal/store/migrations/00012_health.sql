-- What each replica's courier saw of providers that fail: one row for each circuit and
-- replica, which ends by itself. And the way to the few blocks of whole countries.

-- +goose Up
CREATE TABLE provider_health (
    tenant   TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    secret   TEXT   NOT NULL,
    channel  TEXT   NOT NULL,
    replica  TEXT   NOT NULL,
    class    TEXT   NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, provider, kind, secret, channel, replica)
);
CREATE INDEX blocks_regions ON blocks (tenant, value) WHERE scope = 'Region' AND end_state = '';

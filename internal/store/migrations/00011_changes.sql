-- Changes of security info. A record is JSON without any address; what is asked for stands
-- in columns beside it. The addresses of its contacts, old and new, lie sealed by themselves.

-- +goose Up
CREATE TABLE changes (
    tenant           TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    account          TEXT    NOT NULL,
    end_state        TEXT    NOT NULL,
    end_at           BIGINT,
    wake_at          BIGINT,
    restricted_until BIGINT,
    deleted          BOOLEAN NOT NULL,
    record           TEXT    NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX changes_open ON changes (tenant, account) WHERE end_state = '';
CREATE INDEX changes_due ON changes (wake_at) WHERE end_state = '';
CREATE INDEX changes_ended ON changes (end_at) WHERE end_state <> '';
CREATE INDEX changes_restricting ON changes (restricted_until) WHERE restricted_until IS NOT NULL;

-- fresh tells a contact that the change brings from one of its snapshot; ref is name and
-- contact.
CREATE TABLE change_contacts (
    tenant  TEXT    NOT NULL,
    account TEXT    NOT NULL,
    ref     TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    contact TEXT    NOT NULL,
    fresh   BOOLEAN NOT NULL,
    address BYTEA   NOT NULL,
    lookup  TEXT    NOT NULL,
    PRIMARY KEY (tenant, account, ref)
);

-- Each notice of a change goes once to each contact; its message leads back here.
CREATE TABLE change_notices (
    tenant  TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    contact TEXT   NOT NULL,
    message TEXT   NOT NULL,
    PRIMARY KEY (tenant, name, number, contact)
);
CREATE UNIQUE INDEX change_notices_message ON change_notices (message);

-- Contacts that have cancelled a change without the first factor.
CREATE TABLE change_cancels (
    tenant  TEXT   NOT NULL,
    account TEXT   NOT NULL,
    contact TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, contact)
);

CREATE TABLE rechecks (
    tenant          TEXT   NOT NULL,
    account         TEXT   NOT NULL,
    first_notice_at BIGINT,
    must_at         BIGINT,
    skipped_until   BIGINT,
    signed_in_at    BIGINT,
    proven_at       BIGINT,
    register        BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, account)
);
CREATE INDEX rechecks_open ON rechecks (tenant, account) WHERE first_notice_at IS NOT NULL;

-- A contact knows what vouched for it and from when it is full. A book that a change has
-- emptied is a written absence (law 13).
ALTER TABLE contacts ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN since_at BIGINT;
ALTER TABLE books ADD COLUMN emptied_at BIGINT;
ALTER TABLE books ADD COLUMN cleared BOOLEAN NOT NULL DEFAULT FALSE;

-- A fact that is neither block nor restriction, as JSON.
ALTER TABLE facts ADD COLUMN fact TEXT NOT NULL DEFAULT '';

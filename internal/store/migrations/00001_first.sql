-- One schema for SQLite and PostgreSQL. Instants are milliseconds since 1970, NULL
-- where there is none; lists are JSON in TEXT; what is secret is sealed BYTEA.

-- +goose Up
CREATE TABLE meta (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('epoch', 1);

CREATE TABLE blocks (
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    uid           TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    scope         TEXT    NOT NULL,
    value         TEXT    NOT NULL,
    start_at      BIGINT,
    duration_ms   BIGINT  NOT NULL,
    permanent     BOOLEAN NOT NULL,
    steps         TEXT    NOT NULL,
    code_to       TEXT    NOT NULL,
    expires_at    BIGINT,
    extensions    BIGINT  NOT NULL,
    proof_flow    TEXT    NOT NULL,
    proof_at      BIGINT,
    proof_entered BOOLEAN NOT NULL,
    end_state     TEXT    NOT NULL,
    end_at        BIGINT,
    end_entered   BOOLEAN NOT NULL,
    deleted       BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX blocks_open ON blocks (tenant, account) WHERE end_state = '';
CREATE INDEX blocks_ended ON blocks (end_at) WHERE end_state <> '';

-- The feed: a copy of a block's row after each change, or a restriction.
CREATE TABLE facts (
    seq              BIGINT  NOT NULL PRIMARY KEY,
    at               BIGINT  NOT NULL,
    restricted_until BIGINT,
    tenant           TEXT    NOT NULL,
    name             TEXT    NOT NULL DEFAULT '',
    uid              TEXT    NOT NULL DEFAULT '',
    account          TEXT    NOT NULL,
    reason           TEXT    NOT NULL DEFAULT '',
    scope            TEXT    NOT NULL DEFAULT '',
    value            TEXT    NOT NULL DEFAULT '',
    start_at         BIGINT,
    duration_ms      BIGINT  NOT NULL DEFAULT 0,
    permanent        BOOLEAN NOT NULL DEFAULT FALSE,
    steps            TEXT    NOT NULL DEFAULT '[]',
    code_to          TEXT    NOT NULL DEFAULT '',
    expires_at       BIGINT,
    extensions       BIGINT  NOT NULL DEFAULT 0,
    proof_flow       TEXT    NOT NULL DEFAULT '',
    proof_at         BIGINT,
    proof_entered    BOOLEAN NOT NULL DEFAULT FALSE,
    end_state        TEXT    NOT NULL DEFAULT '',
    end_at           BIGINT,
    end_entered      BOOLEAN NOT NULL DEFAULT FALSE,
    deleted          BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE restrictions (
    tenant   TEXT   NOT NULL,
    account  TEXT   NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, account)
);

-- A flow is found by the hash of its credential; its ticket is spent by being here.
CREATE TABLE flows (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    stage      TEXT    NOT NULL,
    secret     BYTEA   NOT NULL,
    ticket     TEXT    NOT NULL,
    bearer     BOOLEAN NOT NULL,
    opened_at  BIGINT,
    expires_at BIGINT
);
CREATE UNIQUE INDEX flows_secret ON flows (secret);
CREATE UNIQUE INDEX flows_ticket ON flows (tenant, ticket) WHERE ticket <> '';
CREATE INDEX flows_expires ON flows (expires_at);

-- A book says that the security info of an account was recorded, be it none
-- (law 13). had_any never falls back.
CREATE TABLE books (
    tenant      TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    recorded_at BIGINT  NOT NULL,
    had_any     BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, account)
);

CREATE TABLE contacts (
    tenant    TEXT   NOT NULL,
    account   TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    place     BIGINT NOT NULL,
    channel   TEXT   NOT NULL,
    address   BYTEA  NOT NULL,
    lookup    TEXT   NOT NULL,
    standing  TEXT   NOT NULL,
    language  TEXT   NOT NULL,
    added_at  BIGINT,
    proven_at BIGINT,
    PRIMARY KEY (tenant, account, id)
);
CREATE INDEX contacts_lookup ON contacts (tenant, lookup);

CREATE TABLE challenges (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant        TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    purpose       TEXT   NOT NULL,
    object        TEXT   NOT NULL,
    flow          TEXT   NOT NULL,
    contact_id    TEXT   NOT NULL,
    channel       TEXT   NOT NULL,
    destination   TEXT   NOT NULL,
    hint          TEXT   NOT NULL,
    language      TEXT   NOT NULL,
    nonce         BYTEA  NOT NULL,
    epoch         BIGINT NOT NULL,
    digits        BIGINT NOT NULL,
    created_at    BIGINT,
    expires_at    BIGINT,
    resend_at     BIGINT,
    max_attempts  BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    sends         BIGINT NOT NULL,
    consumed_at   BIGINT,
    superseded_at BIGINT,
    address       BYTEA  NOT NULL
);
CREATE UNIQUE INDEX challenges_current ON challenges (flow) WHERE superseded_at IS NULL;
CREATE INDEX challenges_expires ON challenges (expires_at);

-- Wrong codes of an account in the window that began at start_at.
CREATE TABLE wrong_codes (
    tenant   TEXT   NOT NULL,
    account  TEXT   NOT NULL,
    start_at BIGINT,
    wrong    BIGINT NOT NULL,
    PRIMARY KEY (tenant, account)
);

-- The theoretical arrival time of the generic cell rate algorithm, one per subject.
CREATE TABLE limits (
    tenant  TEXT NOT NULL,
    subject TEXT NOT NULL,
    id      TEXT NOT NULL,
    tat     BIGINT,
    PRIMARY KEY (tenant, subject, id)
);

-- Which accounts a number that a person entered has released lately.
CREATE TABLE entered_numbers (
    tenant      TEXT   NOT NULL,
    destination TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, destination, account)
);

-- due_at is when a waiting message may be handed out next; while it is leased, when
-- the lease ends. A code's address lies with its challenge.
CREATE TABLE outbox (
    id           TEXT   NOT NULL PRIMARY KEY,
    tenant       TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    notice       TEXT   NOT NULL,
    challenge_id TEXT   NOT NULL,
    channel      TEXT   NOT NULL,
    address      BYTEA,
    language     TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    expires_at   BIGINT,
    created_at   BIGINT,
    state        TEXT   NOT NULL,
    class        TEXT   NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at, created_at, id) WHERE state = 'Waiting';
CREATE INDEX outbox_challenge ON outbox (challenge_id) WHERE challenge_id <> '';

CREATE TABLE audit (
    at      BIGINT NOT NULL,
    tenant  TEXT   NOT NULL,
    account TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_account ON audit (tenant, account, at);

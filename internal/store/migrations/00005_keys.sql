-- A challenge remembers which key derives its code, so that rotating the keys changes
-- none that is on its way. 0 is the first key of an installation.

-- +goose Up
ALTER TABLE challenges ADD COLUMN code_key BIGINT NOT NULL DEFAULT 0;

-- The beat counts on as long as this store lives. The same number is kept outside: a
-- store that is behind it was restored.
INSERT INTO meta (name, value) VALUES ('beat', 0);

-- +goose Up
-- Changes that have ended and restrict to their date are looked for at every proof.
CREATE INDEX changes_lingering ON changes (tenant, account) WHERE end_state <> '' AND restricted_until IS NOT NULL;

-- All that is asked of one account's changes, in the order in which they are locked: by the
-- key's index SQLite would read every change of the tenant.
CREATE INDEX changes_account ON changes (tenant, account, name);
DROP INDEX changes_open;
-- What an earlier incarnation left goes by the change's name.
CREATE INDEX change_contacts_change ON change_contacts (tenant, name);

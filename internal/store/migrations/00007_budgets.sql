-- Wrong codes count in any stretch of a day: their instants, oldest first, as JSON. A
-- window of the former count fills its day. A contact counts its failures in a row and
-- remembers what it was before they disabled it.

-- +goose Up
ALTER TABLE wrong_codes ADD COLUMN recent TEXT NOT NULL DEFAULT '[]';
UPDATE wrong_codes SET recent = '[' || SUBSTR(REPLACE('..........', '.', ',' || start_at), 2, CAST(wrong * (LENGTH('' || start_at) + 1) - 1 AS INTEGER)) || ']'
    WHERE wrong > 0 AND wrong <= 10 AND start_at IS NOT NULL;
ALTER TABLE wrong_codes RENAME COLUMN start_at TO last_at;
ALTER TABLE wrong_codes DROP COLUMN wrong;
ALTER TABLE contacts ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN enabled_as TEXT NOT NULL DEFAULT 'Full';

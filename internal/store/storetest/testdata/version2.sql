-- A store as version 2 of the schema left it: anna has asked for a code and got it wrong
-- twice, bert has no security info, carl has released himself through a number that he
-- typed, dora's block was deleted. Sealed with the keys of NewSealer("test").

INSERT INTO blocks (tenant, name, uid, account, reason, scope, value, start_at, duration_ms, permanent, steps, code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted) VALUES
    ('shop', 'block-of-anna', 'uid', 'anna', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, '', NULL, FALSE, '', NULL, FALSE, FALSE),
    ('shop', 'block-of-carl', 'uid', 'carl', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, 'flow-of-carl', 1893553445000, TRUE, 'Released', 1893553505000, TRUE, FALSE),
    ('shop', 'block-of-dora', 'uid', 'dora', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, '', NULL, FALSE, 'Revoked', 1893557045000, FALSE, TRUE);

INSERT INTO facts (seq, at, restricted_until, tenant, name, uid, account, reason, scope, value, start_at, duration_ms, permanent, steps, code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted) VALUES
    (1, 1893553445000, NULL, 'shop', 'block-of-anna', 'uid', 'anna', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, '', NULL, FALSE, '', NULL, FALSE, FALSE),
    (2, 1893553445000, NULL, 'shop', 'block-of-carl', 'uid', 'carl', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, '', NULL, FALSE, '', NULL, FALSE, FALSE),
    (3, 1893553445000, NULL, 'shop', 'block-of-carl', 'uid', 'carl', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, 'flow-of-carl', 1893553445000, TRUE, '', NULL, FALSE, FALSE),
    (4, 1893553445000, NULL, 'shop', 'block-of-carl', 'uid', 'carl', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, 'flow-of-carl', 1893553445000, TRUE, 'Released', 1893553505000, TRUE, FALSE),
    (5, 1893553445000, 1896145505000, 'shop', '', '', 'carl', '', '', '', NULL, 0, FALSE, '[]', '', NULL, 0, '', NULL, FALSE, '', NULL, FALSE, FALSE),
    (6, 1893553445000, NULL, 'shop', 'block-of-dora', 'uid', 'dora', 'UnusualActivity', 'Account', '', 1893553445000, 86400000, FALSE, '["VerifyCode","ChangePassword"]', 'SecurityInfo', 1893639845000, 0, '', NULL, FALSE, 'Revoked', 1893557045000, FALSE, TRUE);

INSERT INTO restrictions (tenant, account, until_at) VALUES
    ('shop', 'carl', 1896145505000);

INSERT INTO flows (id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at, epoch) VALUES
    ('flow-of-anna', 'shop', 'help.example', 'anna', 'Unblock', 'block-of-anna', 'Opened', X'02B57EECAF05DBA2F41E4C0F8AF613450D5EC46F1B2C6A9903F349B39CBDD79A', 'ticket-of-flow-of-anna', TRUE, 1893553445000, 1893554345000, 1),
    ('flow-of-carl', 'shop', 'help.example', 'carl', 'Unblock', 'block-of-carl', 'Done', X'A5227979328A5916ECA379D4C3C3BD463541E5C073C0B3B512787F0D93E49A1F', 'ticket-of-flow-of-carl', FALSE, 1893553445000, 1893554345000, 1);

INSERT INTO books (tenant, account, recorded_at, had_any) VALUES
    ('shop', 'anna', 1893553445000, TRUE),
    ('shop', 'bert', 1893553445000, FALSE),
    ('shop', 'carl', 1893553445000, TRUE);

INSERT INTO contacts (tenant, account, id, place, channel, address, lookup, standing, language, added_at, proven_at) VALUES
    ('shop', 'anna', 'c1', 0, 'Email', X'954D5A4972122E4CAA4D6E8DBC24D8FE886AA8DA8124F1ADBCA2AF7E164CFB1A2F47CD92772D762447D78BB88CF43E42B70486C2993BA567D8421D9CF941', '68865519f5ffb71f6db70483555453a6d226cf68ac6340e55ec9dc8ff249e663', 'Full', 'de', 1893553445000, 1893553445000),
    ('shop', 'carl', 'c1', 0, 'Email', X'954D5A49967BEEE9CC2207D86AC7C1FF633F60F24C3B41D24B829741DA9E211C89B5535635164D672DB04A3CEA2D62A66CEAC904764EC980F3F5026D9907', '68865519f5ffb71f6db70483555453a6d226cf68ac6340e55ec9dc8ff249e663', 'Full', 'de', 1893553445000, 1893553445000);

INSERT INTO challenges (id, tenant, account, purpose, object, flow, contact_id, channel, destination, hint, language, nonce, epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, consumed_at, superseded_at, address) VALUES
    ('flow-of-anna-challenge-1', 'shop', 'anna', 'Unblock', 'block-of-anna', 'flow-of-anna', 'c1', 'Email', 'hash-of-address', 'ro•••@•••', 'de', X'01020100000000000000000000000000', 1, 6, 1893553445000, 1893554045000, 1893553505000, 5, 2, 1, NULL, NULL, X'954D5A4995C9B811CFFBDC8DFFBBC4B47366BEE2922ECD811E4199FFECCB437708CCC1F2D39043852863553FE33F2B65A5BE59B6503340B295D8FFE61845'),
    ('flow-of-carl-challenge-1', 'shop', 'carl', 'Unblock', 'block-of-carl', 'flow-of-carl', '', 'SMS', 'hash-of-number', '•••• 78', 'de', X'01020100000000000000000000000000', 1, 6, 1893553445000, 1893554045000, 1893553505000, 5, 1, 1, 1893553445000, NULL, X'954D5A490DF93D34B85650F1DBCFE7E5C538B0FEB64011D5DA0D4EA965C3EA0DB9D2E254275FC0F9661B28616771');

INSERT INTO limits (tenant, subject, id, tat) VALUES
    ('shop', 'account', 'anna', 1893557045000);

INSERT INTO wrong_codes (tenant, account, start_at, wrong) VALUES
    ('shop', 'anna', 1893553445000, 2),
    ('shop', 'carl', 1893553445000, 0);

INSERT INTO entered_numbers (tenant, destination, account, at) VALUES
    ('shop', 'hash-of-number', 'carl', 1893553445000);

INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts, due_at, expires_at, created_at, state, class) VALUES
    ('message-flow-of-anna-challenge-1', 'shop', 'anna', 'Code', '', 'flow-of-anna-challenge-1', 'Email', NULL, 'de', 0, 1893553445000, 1893554045000, 1893553445000, 'Waiting', ''),
    ('message-flow-of-carl-challenge-1', 'shop', 'carl', 'Code', '', 'flow-of-carl-challenge-1', 'SMS', NULL, 'de', 0, 1893553445000, 1893554045000, 1893553445000, 'Waiting', ''),
    ('notice-of-carl', 'shop', 'carl', 'Notice', 'AccountReleased', '', 'Email', X'954D5A498EFCEC6B517EACF255741FBFB4CC0D5D51B1B26A9E87FDAF295D9A2745DBFD70C98CC13FA26842582382E4E8AF67E39D2EBE80B14F2C62353DC3', 'de', 0, 1893553445000, 1893812645000, 1893553445000, 'Waiting', '');

INSERT INTO audit (at, tenant, account, action, object, detail) VALUES
    (1893553445000, 'shop', 'anna', 'BlockFrozen', 'block-of-anna', ''),
    (1893553445000, 'shop', 'anna', 'ContactsImported', '', '1 contacts'),
    (1893553445000, 'shop', 'anna', 'FlowOpened', 'flow-of-anna', 'block-of-anna'),
    (1893553445000, 'shop', 'anna', 'CodeIssued', 'flow-of-anna-challenge-1', 'block-of-anna'),
    (1893553445000, 'shop', 'anna', 'AttemptCounted', 'flow-of-anna-challenge-1', ''),
    (1893553445000, 'shop', 'anna', 'AttemptCounted', 'flow-of-anna-challenge-1', ''),
    (1893553445000, 'shop', 'bert', 'ContactsImported', '', '0 contacts'),
    (1893553445000, 'shop', 'carl', 'BlockFrozen', 'block-of-carl', ''),
    (1893553445000, 'shop', 'carl', 'ContactsImported', '', '1 contacts'),
    (1893553445000, 'shop', 'carl', 'FlowOpened', 'flow-of-carl', 'block-of-carl'),
    (1893553445000, 'shop', 'carl', 'CodeIssued', 'flow-of-carl-challenge-1', 'block-of-carl'),
    (1893553445000, 'shop', 'carl', 'AttemptCounted', 'flow-of-carl-challenge-1', ''),
    (1893553445000, 'shop', 'carl', 'BlockProved', 'block-of-carl', ''),
    (1893553445000, 'shop', 'carl', 'CodeAccepted', 'flow-of-carl-challenge-1', 'block-of-carl'),
    (1893553505000, 'shop', 'carl', 'BlockReleased', 'block-of-carl', ''),
    (1893557045000, 'shop', 'dora', 'BlockEnded', 'block-of-dora', '');

package store

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
)

// judgeEvery is how many codes go out between two looks at how a country fares.
const judgeEvery = 8

// CodeSent notes the country of a code that was issued, and now and then looks at how
// the country's codes fare: one whose codes nobody verifies any more gets a block. No
// row is shared by two codes.
func (s *Store) CodeSent(ctx context.Context, sent escalation.Sent) ([]escalation.Result, error) {
	sent.Now = stored(sent.Now)
	if sent.Country == "" {
		country, err := s.CodeCountry(ctx, sent.Flow)
		if err != nil {
			return nil, err
		}
		sent.Country = country
	}
	if !escalation.CountryCode(sent.Country) {
		return nil, nil
	}
	err := s.writeSoon(ctx, func(t *tx) error {
		t.queue(`INSERT INTO code_countries (challenge_id, tenant, account, flow, country, sent_at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (challenge_id) DO NOTHING`,
			sent.ChallengeID, sent.Tenant, sent.Account, sent.Flow, sent.Country, instant(sent.Now))
		return nil
	})
	if err != nil || !judged(sent.ChallengeID) {
		return nil, err
	}
	return s.judgeCountry(ctx, sent)
}

// CodeCountry is the country of the flow's last code to a number; empty where it had
// none.
func (s *Store) CodeCountry(ctx context.Context, flowID string) (string, error) {
	country, err := one(s.read(ctx), plain[string],
		`SELECT country FROM code_countries WHERE flow = $1 ORDER BY sent_at DESC LIMIT 1`, flowID)
	if errors.Is(err, rules.ErrNotFound) {
		err = nil
	}
	return country, err
}

// judged draws one of judgeEvery challenges, by what nobody chooses.
func judged(challengeID string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(challengeID)) // it never fails
	return h.Sum32()%judgeEvery == 0
}

func (s *Store) judgeCountry(ctx context.Context, sent escalation.Sent) ([]escalation.Result, error) {
	past, err := s.regionBlocks(ctx, sent.Tenant, sent.Country, sent.Now)
	if err != nil {
		return nil, err
	}
	fared, err := s.fared(ctx, sent.Tenant, sent.Country, past, sent.Now)
	if err != nil {
		return nil, err
	}
	v := escalation.Region(sent.Country, fared, past, sent.Policy, sent.Now)
	if !v.Blocks() {
		return nil, nil
	}
	var results []escalation.Result
	err = s.write(ctx, func(t *tx) error {
		result, err := t.escalate(sent.Tenant, v, sent.Policy, sent.Now)
		results = nil
		if result.Outcome != "" {
			results = []escalation.Result{result}
		}
		return err
	})
	return results, err
}

// regionBlocks are a country's blocks that tell how it is judged at an instant.
func (s *Store) regionBlocks(ctx context.Context, tenant, country string, at time.Time) ([]block.Record, error) {
	return list(s.read(ctx), scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE tenant = $1 AND account = '' AND scope = $2 AND start_at > $3 AND value = $4`,
		tenant, block.Region, instant(at.Add(-escalation.RepeatWindow)), country)
}

// fared is how a country's codes fare at an instant.
func (s *Store) fared(ctx context.Context, tenant, country string, past []block.Record, at time.Time) (escalation.Conversion, error) {
	return one(s.read(ctx), scanConversion, `SELECT COUNT(DISTINCT n.account),
			COUNT(DISTINCT CASE WHEN c.consumed_at IS NOT NULL THEN n.account END)
		FROM code_countries n LEFT JOIN challenges c ON c.id = n.challenge_id
		WHERE n.tenant = $1 AND n.country = $2 AND n.sent_at > $3 AND n.sent_at <= $4`,
		tenant, country, instant(escalation.Since(past, at)), instant(at.Add(-escalation.RegionPatience)))
}

func scanConversion(row scanner) (escalation.Conversion, error) {
	var c escalation.Conversion
	err := row.Scan(&c.Sent, &c.Verified)
	return c, err
}

package escalation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func pastRegion(ago time.Duration, edits ...func(*block.Record)) Past {
	return Past{past(block.Region, "XX", ago, append(edits, func(r *block.Record) {
		r.Spec.Account, r.Spec.Duration, r.Expires = "", time.Hour, r.Spec.Start.Add(time.Hour)
	})...)}
}

// Each sentence of the rules about countries is a row.
func TestRegion(t *testing.T) {
	slow := Verdict{Block: block.Spec{
		Reason: block.CompromisedTraffic, Scope: block.Region, Value: "XX", Start: now, Duration: time.Hour, CodeTo: block.SecurityInfo,
	}}
	stop := slow
	stop.Block.Duration = 24 * time.Hour
	off, endless := policy.Default(), policy.Default()
	off.Escalation.MinConversion = 0
	endless.Blocks[block.CompromisedTraffic] = policy.Block{Permanent: true, Steps: both}
	for _, c := range []struct {
		name    string
		country string
		fared   Conversion
		past    Past
		policy  policy.Policy
		want    Verdict
	}{
		{"too few accounts tell nothing", "XX", Conversion{29, 0}, nil, policy.Default(), Verdict{}},
		{"seed 16, T2: under the line the country is slowed", "XX", Conversion{30, 2}, nil, policy.Default(), slow},
		{"at the line it goes on", "XX", Conversion{30, 3}, nil, policy.Default(), Verdict{}},
		{"seed 16: codes that stay unverified after that stop it", "XX", Conversion{30, 0}, pastRegion(3 * time.Hour), policy.Default(), stop},
		{"a day later it begins anew", "XX", Conversion{30, 0}, pastRegion(25 * time.Hour), policy.Default(), slow},
		{"a stopped country is not stopped again", "XX", Conversion{30, 0}, pastRegion(time.Minute), policy.Default(), Verdict{}},
		{"never within 24h of a release", "XX", Conversion{30, 0}, pastRegion(30*time.Hour, ended(block.Revoked, 23*time.Hour)), policy.Default(), Verdict{}},
		{"a line of 0 watches no country", "XX", Conversion{30, 0}, nil, off, Verdict{}},
		{"seed 16: it lifts by itself, whatever the policy says of the reason", "XX", Conversion{30, 0}, pastRegion(3 * time.Hour), endless, stop},
		{"what is no country is none", "xx", Conversion{30, 0}, nil, policy.Default(), Verdict{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Region(c.country, c.fared, c.past, c.policy, now)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// What was judged once is not judged again: after a block its country starts afresh.
func TestSinceBeginsAfterTheLastBlock(t *testing.T) {
	if got, want := Since(nil, now), now.Add(-RegionWindow-RegionPatience); !got.Equal(want) {
		t.Errorf("without a block since %s", got)
	}
	if got, want := Since(pastRegion(2*time.Hour), now), now.Add(-time.Hour); !got.Equal(want) {
		t.Errorf("after a block since %s, want %s", got, want)
	}
}

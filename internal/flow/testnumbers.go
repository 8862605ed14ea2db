package flow

import (
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Seeds reads the Secret that holds the seeds of a policy's test numbers.
type Seeds interface {
	// Secret returns the data of a tenant's provider Secret, or rules.ErrNotFound.
	Secret(tenant, name string) (map[string][]byte, error)
}

// right reports whether a submitted code is the challenge's. Of a test number that is the
// code of an authenticator, and never the one that another number would have been sent.
func (d *Desk) right(c code.Challenge, submitted string) bool {
	p := d.Policies.For(c.Tenant, c.Account)
	number := d.testNumber(p, c)
	if number == "" {
		return code.Equal(d.Sealer.Code(c), submitted)
	}
	seed, err := d.seed(c.Tenant, p.Testing.Secret, number)
	return err == nil && seed.Shows(submitted, c.Digits, d.Now())
}

// testNumber is the test number that a challenge went to, empty where it went elsewhere.
func (d *Desk) testNumber(p policy.Policy, c code.Challenge) string {
	if !dialled(c.Channel) {
		return ""
	}
	for _, number := range p.Testing.Numbers {
		if d.Sealer.Lookup(c.Tenant, number) == c.Destination {
			return number
		}
	}
	return ""
}

// seed reads the seed of a test number. Where there is none no code is right: the policy's
// condition TestNumbers says so.
func (d *Desk) seed(tenant, secret, number string) (code.Seed, error) {
	if d.Seeds == nil {
		return nil, code.ErrSeed
	}
	data, err := d.Seeds.Secret(tenant, secret)
	if err != nil {
		return nil, err
	}
	return code.ParseSeed(data[code.SeedKey(number)])
}

// Package policy holds a resolved policy: every number that the rules need, with
// the seeds' numbers where the platform team named none.
package policy

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// Mode says whether decisions bind.
type Mode string

// The modes of a policy.
const (
	Enforce Mode = "Enforce"
	Shadow  Mode = "Shadow"
)

// AccountType tells personal accounts from work accounts (seed 13).
type AccountType string

// The types of accounts.
const (
	Personal AccountType = "Personal"
	Work     AccountType = "Work"
)

// Policy is what holds for an account.
type Policy struct {
	// Tenant and Name say which VerificationPolicy this is; Name is empty for the
	// seeds' numbers where no policy matches.
	Tenant, Name string
	AccountType  AccountType
	Mode         Mode
	// Hosts serve the tenant's pages; the first one stands in links.
	Hosts     []string
	Providers []Provider
	Numbers   NumberRule
	Codes     Codes
	Limits    Limits
	Blocks    map[block.Reason]Block
	// Escalation says when failures become blocks of Holdfast's own.
	Escalation Escalation
	// Changes are the terms of changes of security info, Recheck those of asking again.
	Changes  change.Terms
	Recheck  recheck.Terms
	Password Password
	Messages Messages
	Identity Identity
	// Retention is how long Holdfast's own finished objects are kept.
	Retention time.Duration
	// HelpURL, HelpEmail and HelpPhone are where people are sent whom the pages cannot
	// help (seed 49); each may be empty.
	HelpURL, HelpEmail, HelpPhone string
	// OwnDomains are mail domains of this provider itself: whoever reads a code there may
	// be signed out of the account that asks for it (seed 24, 25).
	OwnDomains []string
	Testing    Testing
}

// Provider is one way of sending, in the order of use.
type Provider struct {
	Name     string
	Type     string
	Secret   string
	Channels []contact.Channel
	// Countries are those (ISO 3166 alpha-2) to whose numbers it may send or call; there
	// are no others (T1). Other channels know no countries.
	Countries []string
}

// Testing are the test numbers of the platform's own QA that are in use: no message to them
// leaves, and their codes are those of authenticators.
type Testing struct {
	// Numbers in E.164 form.
	Numbers []string
	// Secret holds the seed of each number.
	Secret string
}

// Tests reports whether an address is a test number.
func (p Policy) Tests(address string) bool { return slices.Contains(p.Testing.Numbers, address) }

// Carries reports whether the provider sends on the channel to the country of a number;
// that of an address, or of a number of no country, is empty.
func (p Provider) Carries(channel contact.Channel, country string) bool {
	return slices.Contains(p.Channels, channel) && (!dialled(channel) || slices.Contains(p.Countries, country))
}

func dialled(c contact.Channel) bool { return c == contact.SMS || c == contact.Voice }

// NumberRule says which phone numbers are taken beside mobiles and landlines; the zero
// rule takes no others (seed 20, T5).
type NumberRule struct {
	// VoIP takes internet numbers.
	VoIP bool
	// Unasked takes a number whose carrier cannot be asked, where one is to be asked.
	Unasked bool
}

// Codes are the numbers of security codes (N1, N2, N11).
type Codes struct {
	Length int
	TTL    time.Duration
	// EmailTTL is the life of an emailed code for unblock, recovery or confirmation.
	EmailTTL    time.Duration
	MaxAttempts int
	ResendAfter time.Duration
	// MaxWrongPerDay is how many wrong codes an account may have in any 24 hours.
	MaxWrongPerDay int
	// DisableAfter is how many wrong codes in a row disable a contact (N4).
	DisableAfter int
}

// Limits are the rates at which codes may be asked for (seed 15).
type Limits struct {
	Account limit.Rate
	Contact limit.Rate
	Network limit.Rate
	// Prefix is for numbers that differ in their last four digits only (T3), Country
	// for those of a country without a rate in Countries.
	Prefix    limit.Rate
	Country   limit.Rate
	Countries map[string]limit.Rate
	// Spend caps codes by SMS and call of the whole policy, SpendCountries those to the
	// numbers of single countries (T6).
	Spend          limit.Rate
	SpendCountries map[string]limit.Rate
	// ResendWaits are the waits before the second and each later resend (T4).
	ResendWaits []time.Duration
	// AccountsPerNumber is how many accounts an entered number releases.
	AccountsPerNumber limit.Rate
}

// Block is how an account is blocked for one reason.
type Block struct {
	Duration  time.Duration
	Permanent bool
	// MaxDuration is how far from its start attempts lengthen a block (seed 30).
	MaxDuration time.Duration
	// PermanentAfter makes the n-th of Holdfast's own blocks within 720h permanent
	// (seed 15); 0 makes none.
	PermanentAfter int
	Steps          []block.Step
	CodeTo         block.CodeTo
}

// Escalation says when failures become blocks (seed 15, 16, 28, 29, 47).
type Escalation struct {
	// Window is the time in which failures count.
	Window time.Duration
	// MethodAfter failures of one method of an account block the method, AccountAfter
	// over all methods the account; NetworkAfter refused accounts block a network.
	MethodAfter, AccountAfter, NetworkAfter int
	// ObjectBudget is how many blocks of its own Holdfast may have open in the tenant
	// (law 5).
	ObjectBudget int
	// MinConversion is the percentage of a country's codes under which they are no
	// longer sent (T2); 0 watches no country.
	MinConversion int
}

// Password says which new passwords are taken (N21, O2).
type Password struct {
	MinLength int
	// MinScore is the least zxcvbn score, 0 to 4.
	MinScore int
	// Blocklist are further words that the platform team refuses.
	Blocklist []string
}

// Messages is how the product speaks to its people.
type Messages struct {
	ProductName string
	// ProductURL is where people go back to who are done at a page; empty where the policy
	// names no place.
	ProductURL string
	Sender     string
	// DefaultLanguage is the BCP 47 tag for people whose language has no words; empty
	// means English.
	DefaultLanguage string
	// Overrides are the texts of the platform team's own.
	Overrides map[message.Slot]message.Text
}

// Identity says how the IdP is told and where people sign in.
type Identity struct {
	// Adapter is Webhook, or empty where the IdP is told nothing.
	Adapter string
	Secret  string
	// OIDC is the issuer at which people sign in to their security info; its zero value
	// is none.
	OIDC OIDC
}

// OIDC is Holdfast's registration at an OpenID Connect issuer. Two that are equal are one
// way to sign in.
type OIDC struct {
	Issuer   string
	ClientID string
	// Secret and Key name the client's secret; both are empty for a public client.
	Secret, Key string
}

// Default is the policy of the seeds' numbers, with no providers and no hosts: it
// holds for an account that no policy names.
func Default() Policy {
	day := 24 * time.Hour
	selfService := []block.Step{block.VerifyCode, block.ChangePassword}
	self := Block{Duration: day, MaxDuration: block.MaxLength, Steps: selfService, CodeTo: block.SecurityInfo}
	stepless := Block{Duration: day, MaxDuration: block.MaxLength}
	return Policy{
		AccountType: Personal,
		Mode:        Enforce,
		Codes: Codes{
			Length: 6, TTL: 10 * time.Minute, EmailTTL: 10 * time.Minute,
			MaxAttempts: 5, ResendAfter: time.Minute, MaxWrongPerDay: 10, DisableAfter: 100,
		},
		Limits: Limits{
			Account:           limit.Rate{Count: 10, Per: time.Hour, Burst: 5},
			Contact:           limit.Rate{Count: 10, Per: time.Hour, Burst: 5},
			Network:           limit.Rate{Count: 60, Per: time.Hour, Burst: 20},
			Prefix:            limit.Rate{Count: 60, Per: time.Hour, Burst: 20},
			Country:           limit.Rate{Count: 3600, Per: time.Hour, Burst: 600},
			Spend:             limit.Cap(10_000, time.Hour),
			ResendWaits:       []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute},
			AccountsPerNumber: limit.Rate{Count: 3, Per: 30 * day, Burst: 3},
		},
		Blocks: map[block.Reason]Block{
			block.UnusualActivity:    self,
			block.HighRequestVolume:  self,
			block.CompromisedTraffic: stepless,
			block.TermsOfService:     stepless,
			block.Administrative:     stepless,
		},
		Escalation: Escalation{
			Window: day, MethodAfter: 10, AccountAfter: 20, NetworkAfter: 20, ObjectBudget: 1000, MinConversion: 10,
		},
		Changes:   change.DefaultTerms(),
		Recheck:   recheck.DefaultTerms(),
		Password:  Password{MinLength: 8, MinScore: 3},
		Messages:  Messages{ProductName: "your account"},
		Retention: 720 * time.Hour,
	}
}

// TTLFor is the life of a code on a channel.
func (c Codes) TTLFor(channel contact.Channel) time.Duration {
	if channel == contact.Email {
		return c.EmailTTL
	}
	return c.TTL
}

// ResendWaits are the waits before the first resend and each later one (T4, N5).
func (p Policy) ResendWaits() []time.Duration {
	return append([]time.Duration{p.Codes.ResendAfter}, p.Limits.ResendWaits...)
}

// CountryRate is the rate of codes to the numbers of a country.
func (p Policy) CountryRate(country string) limit.Rate {
	if rate, ok := p.Limits.Countries[country]; ok {
		return rate
	}
	return p.Limits.Country
}

// Serves reports whether any provider sends on the channel, be it to one country alone.
func (p Policy) Serves(channel contact.Channel) bool {
	return slices.ContainsFunc(p.Providers, func(provider Provider) bool {
		return provider.Carries(channel, "") || slices.ContainsFunc(provider.Countries, func(country string) bool {
			return provider.Carries(channel, country)
		})
	})
}

// Reaches reports whether any provider sends on the channel to the country of a number.
func (p Policy) Reaches(channel contact.Channel, country string) bool {
	return slices.ContainsFunc(p.Providers, func(provider Provider) bool { return provider.Carries(channel, country) })
}

// Countries are those (ISO 3166 alpha-2, sorted) to whose numbers any provider sends or
// calls (T1).
func (p Policy) Countries() []string {
	var all []string
	for _, provider := range p.Providers {
		if slices.ContainsFunc(provider.Channels, dialled) {
			all = append(all, provider.Countries...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

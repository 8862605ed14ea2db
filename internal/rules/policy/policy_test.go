package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// The longest literal wins, an exact ID before every prefix; on ties the lesser name.
func TestChoose(t *testing.T) {
	policies := []Selector{
		{"everyone", []string{"*"}},
		{"staff", []string{"staff-*", "root"}},
		{"staff-again", []string{"staff-*"}},
		{"admins", []string{"staff-admin-*"}},
		{"anna", []string{"staff-admin-anna"}},
		{"ro", []string{"root*"}},
	}
	for name, c := range map[string]struct {
		selectors     []Selector
		account, want string
	}{
		"a star takes whom nobody names":              {policies, "ben", "everyone"},
		"a prefix beats the star":                     {policies, "staff-ben", "staff"},
		"a longer prefix beats a shorter":             {policies, "staff-admin-ben", "admins"},
		"an exact ID beats every prefix":              {policies, "staff-admin-anna", "anna"},
		"an exact ID beats a prefix as long":          {policies, "root", "staff"},
		"a prefix needs to stand at the start":        {policies, "former-staff-ben", "everyone"},
		"on a tie the lesser name wins":               {[]Selector{{"b", []string{"x*"}}, {"a", []string{"x*"}}}, "xy", "a"},
		"on a tie the order does not count":           {[]Selector{{"a", []string{"x*"}}, {"b", []string{"x*"}}}, "xy", "a"},
		"no match, no policy":                         {policies[1:], "ben", ""},
		"no policies at all":                          {nil, "ben", ""},
		"a policy without patterns takes nobody":      {[]Selector{{"empty", nil}}, "ben", ""},
		"letters count as they are":                   {[]Selector{{"a", []string{"Ben"}}}, "ben", ""},
		"only the trailing star is a star":            {[]Selector{{"a", []string{"b*n"}}}, "ben", ""},
		"an account that is called like a pattern":    {[]Selector{{"a", []string{"b*"}}}, "b*", "a"},
		"a prefix matches the account of its letters": {[]Selector{{"a", []string{"ben*"}}}, "ben", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Choose(c.selectors, c.account); got != c.want {
				t.Fatalf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		selectors []Selector
		want      map[string]string
	}{
		"different patterns do not conflict":      {[]Selector{{"a", []string{"x*"}}, {"b", []string{"xy*", "x"}}}, map[string]string{}},
		"the greater name yields":                 {[]Selector{{"b", []string{"x*"}}, {"a", []string{"x*"}}}, map[string]string{"b": "a"}},
		"all greater names yield to the least":    {[]Selector{{"c", []string{"x"}}, {"a", []string{"x"}}, {"b", []string{"x"}}}, map[string]string{"b": "a", "c": "a"}},
		"one shared pattern of several is enough": {[]Selector{{"a", []string{"x", "y"}}, {"b", []string{"z", "y"}}}, map[string]string{"b": "a"}},
		"a pattern written twice is no conflict":  {[]Selector{{"a", []string{"x", "x"}}}, map[string]string{}},
		"with two of them it names the least":     {[]Selector{{"c", []string{"x", "y"}}, {"b", []string{"x"}}, {"a", []string{"y"}}}, map[string]string{"c": "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Conflicts(c.selectors)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func drawSelectors(t *rapid.T) []Selector {
	pattern := rapid.StringMatching(`[ab]{0,3}\*?`)
	var all []Selector
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-e]`), 0, 5, rapid.ID).Draw(t, "names") {
		all = append(all, Selector{name, rapid.SliceOfN(pattern, 0, 3).Draw(t, "patterns of "+name)})
	}
	return all
}

// Choosing is deterministic, and where two policies claim an account with the same
// literal the one that loses is reported as conflicted.
func TestChooseAndConflictsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		selectors := drawSelectors(t)
		shuffled := rapid.Permutation(selectors).Draw(t, "shuffled")
		if diff := cmp.Diff(Conflicts(selectors), Conflicts(shuffled)); diff != "" {
			t.Fatalf("conflicts depend on the order: %s", diff)
		}
		account := rapid.StringMatching(`[ab]{0,4}`).Draw(t, "account")
		chosen := Choose(selectors, account)
		if again := Choose(shuffled, account); again != chosen {
			t.Fatalf("%q in one order, %q in another", chosen, again)
		}
		at := slices.IndexFunc(selectors, func(s Selector) bool { return s.Name == chosen })
		conflicts := Conflicts(selectors)
		for _, s := range selectors {
			switch m := s.Match(account); {
			case m >= 0 && at < 0:
				t.Fatalf("%q claims the account and none was chosen", s.Name)
			case at < 0 || s.Name == chosen:
			case m > selectors[at].Match(account):
				t.Fatalf("%q has a longer literal than %q", s.Name, chosen)
			case m >= 0 && m == selectors[at].Match(account) && conflicts[s.Name] == "":
				t.Fatalf("%q loses to %q and does not learn of it", s.Name, chosen)
			}
		}
	})
}

// The seeds' numbers hold where no policy says another.
func TestDefaultIsTheSeedsNumbers(t *testing.T) {
	p := Default()
	if p.Codes.Length != 6 || p.Codes.TTL != 10*time.Minute || p.Codes.MaxAttempts != 5 ||
		p.Codes.ResendAfter != time.Minute || p.Codes.MaxWrongPerDay != 10 || p.Codes.DisableAfter != 100 {
		t.Errorf("codes: %+v", p.Codes)
	}
	// T4: 1 to 32 minutes.
	for sends, want := range []time.Duration{1: time.Minute, 2: 2 * time.Minute, 5: 16 * time.Minute, 6: 32 * time.Minute, 7: 32 * time.Minute} {
		if got := code.ResendWait(p.ResendWaits(), sends); want != 0 && got != want {
			t.Errorf("T4: after %d sendings the wait is %v, want %v", sends, got, want)
		}
	}
	if len(p.Providers) != 0 || len(p.Hosts) != 0 || p.Mode != Enforce || p.Password.MinLength != 8 {
		t.Errorf("%+v", p)
	}
	for _, reason := range []block.Reason{
		block.UnusualActivity, block.HighRequestVolume, block.TermsOfService, block.CompromisedTraffic, block.Administrative,
	} {
		if b, ok := p.Blocks[reason]; !ok || b.Duration != 24*time.Hour || b.Permanent {
			t.Errorf("seed 30: %s: %+v", reason, b)
		}
	}
	both := []block.Step{block.VerifyCode, block.ChangePassword}
	if diff := cmp.Diff(both, p.Blocks[block.UnusualActivity].Steps); diff != "" {
		t.Errorf("seed 4: %s", diff)
	}
}

// Nobody's change of one default policy reaches another's.
func TestDefaultsShareNothing(t *testing.T) {
	a := Default()
	a.Blocks[block.UnusualActivity].Steps[0] = "Nothing"
	delete(a.Blocks, block.Administrative)
	b := Default()
	if b.Blocks[block.UnusualActivity].Steps[0] != block.VerifyCode || len(b.Blocks) != 5 {
		t.Fatalf("%+v", b.Blocks)
	}
}

func TestCodesLiveLongerByEmailOnly(t *testing.T) {
	c := Codes{TTL: 10 * time.Minute, EmailTTL: 24 * time.Hour}
	for channel, want := range map[contact.Channel]time.Duration{
		contact.Email: c.EmailTTL, contact.SMS: c.TTL, contact.Voice: c.TTL, contact.App: c.TTL,
	} {
		if got := c.TTLFor(channel); got != want {
			t.Errorf("%s: %v, want %v", channel, got, want)
		}
	}
}

func TestServes(t *testing.T) {
	p := Policy{Providers: []Provider{{Channels: []contact.Channel{contact.Email}}, {Channels: []contact.Channel{contact.SMS}, Countries: []string{"DE"}},
		{Channels: []contact.Channel{contact.Voice}}}}
	for channel, want := range map[contact.Channel]bool{contact.Email: true, contact.SMS: true, contact.Voice: false} {
		if got := p.Serves(channel); got != want {
			t.Errorf("%s: %v", channel, got)
		}
	}
}

// standards T1: a number is reached where its country is listed, and nowhere else.
func TestReaches(t *testing.T) {
	p := Policy{Providers: []Provider{
		{Channels: []contact.Channel{contact.Email, contact.SMS}, Countries: []string{"DE", "FR"}},
		{Channels: []contact.Channel{contact.Voice}},
	}}
	for _, c := range []struct {
		channel contact.Channel
		country string
		want    bool
	}{
		{contact.Email, "", true}, {contact.SMS, "DE", true}, {contact.SMS, "FR", true}, {contact.SMS, "PL", false},
		{contact.SMS, "", false}, {contact.Voice, "DE", false}, {contact.Voice, "", false}, {contact.App, "", false},
	} {
		if got := p.Reaches(c.channel, c.country); got != c.want {
			t.Errorf("%s to %q: %v", c.channel, c.country, got)
		}
	}
}

// standards T1: the countries to choose from are those that a provider texts or calls.
func TestCountries(t *testing.T) {
	p := Policy{Providers: []Provider{
		{Channels: []contact.Channel{contact.SMS}, Countries: []string{"FR", "DE"}},
		{Channels: []contact.Channel{contact.Voice, contact.Email}, Countries: []string{"DE", "AT"}},
		{Channels: []contact.Channel{contact.Email}, Countries: []string{"US"}},
		{Channels: []contact.Channel{contact.SMS}},
	}}
	if diff := cmp.Diff([]string{"AT", "DE", "FR"}, p.Countries()); diff != "" {
		t.Error(diff)
	}
	if got := Default().Countries(); len(got) > 0 {
		t.Errorf("without providers %v", got)
	}
}

// Match never claims an account that its pattern does not begin.
func TestMatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab]{0,3}\*?`).Draw(t, "pattern")
		account := rapid.StringMatching(`[ab]{0,4}`).Draw(t, "account")
		prefix, star := strings.CutSuffix(pattern, "*")
		want := -1
		if star && strings.HasPrefix(account, prefix) {
			want = len(prefix)
		} else if pattern == account {
			want = len(account) + 1
		}
		if got := (Selector{Patterns: []string{pattern}}).Match(account); got != want {
			t.Fatalf("%q on %q: %d, want %d", pattern, account, got, want)
		}
	})
}

package phone

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var _ flow.Numbers = Numbers{}

func TestParseTakesWhatPeopleType(t *testing.T) {
	for name, c := range map[string]struct{ number, country, want string }{
		"a British mobile":                       {"+447400123456", "", "+447400123456"},
		"a German mobile":                        {"+4915123456789", "", "+4915123456789"},
		"a French mobile":                        {"+33612345678", "", "+33612345678"},
		"a fixed line, which takes calls":        {"+441212345678", "", "+441212345678"},
		"a German fixed line":                    {"+4930123456", "", "+4930123456"},
		"a French fixed line":                    {"+33123456789", "", "+33123456789"},
		"national spelling with its country":     {"0151 23456789", "DE", "+4915123456789"},
		"a country in small letters":             {"0151 23456789", "de", "+4915123456789"},
		"brackets and hyphens":                   {" (201) 555-0123 ", "US", "+12015550123"},
		"a plus wins over the country":           {"+49 151 23456789", "US", "+4915123456789"},
		"00 wins over the country":               {"0049 151 23456789", "US", "+4915123456789"},
		"00 followed by the chosen country":      {"001 201 555 0123", "US", "+12015550123"},
		"the country's own international prefix": {"011 49 151 23456789", "US", "+4915123456789"},
		"an international prefix that begins 00": {"0011 49 151 23456789", "AU", "+4915123456789"},
		"a leading zero that belongs to it":      {"06 6982", "IT", "+39066982"},
		"digits of another script":               {"٠١٥١٢٣٤٥٦٧٨٩", "DE", "+4915123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Numbers{}.Parse(c.number, c.country, policy.NumberRule{})
			if err != nil || got != c.want {
				t.Fatalf("Parse(%q, %q) = %q, %v; want %q", c.number, c.country, got, err, c.want)
			}
		})
	}
}

func TestParseRefusesWithAReason(t *testing.T) {
	for name, c := range map[string]struct{ number, country, reason string }{
		"seed 20: a British VoIP number":   {"+445612345678", "", "VoIP"},
		"seed 20: a French VoIP number":    {"+33912345678", "", "VoIP"},
		"seed 20: a Japanese VoIP number":  {"+815012345678", "", "VoIP"},
		"premium rate":                     {"+19002345678", "", "premium"},
		"shared cost":                      {"+4918012345", "", "shared-cost"},
		"toll-free":                        {"1-800-234-5678", "US", "toll-free"},
		"toll-free of no country":          {"+80023456789", "", "toll-free"},
		"a pager":                          {"+4916412345", "", "pager"},
		"a forwarding number":              {"+447012345678", "", "forwards"},
		"a company's common number":        {"+4918500123456", "", "common number"},
		"a voicemail box":                  {"+41860123456789", "", "voicemail"},
		"an extension":                     {"(202) 456-1111 ext 5", "US", "extension"},
		"two digits":                       {"12", "US", "check the country"},
		"an emergency number":              {"911", "US", "check the country"},
		"nothing":                          {"", "US", "check the country"},
		"a national spelling, no country":  {"0151 23456789", "", "check the country"},
		"an unknown country":               {"0151 23456789", "XX", "check the country"},
		"a plus alone":                     {"+", "DE", "check the country"},
		"00 alone":                         {"00", "DE", "check the country"},
		"seed 55: a number of another one": {"0151 23456789", "FR", "check the country"},
		"much too long":                    {strings.Repeat("1", 65), "US", "too long"},
		"an email address":                 {"anna@example.com", "US", "check the country"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Numbers{}.Parse(c.number, c.country, policy.NumberRule{})
			if !errors.Is(err, rules.ErrDestination) || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("Parse(%q, %q) = %q, %v; want a refusal with %q", c.number, c.country, got, err, c.reason)
			}
			if c.number != "" && strings.Contains(err.Error(), c.number) {
				t.Fatalf("the refusal shows the number: %v", err)
			}
		})
	}
}

// What Parse returns it takes again unchanged, whatever country is chosen.
func TestParseIsIdempotent(t *testing.T) {
	countries := Countries("en")
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.StringMatching(`\+?[0-9 ()-]{0,18}`).Draw(t, "typed")
		once, err := Numbers{}.Parse(typed, rapid.SampledFrom(countries).Draw(t, "country").ISO, policy.NumberRule{})
		if err != nil {
			return
		}
		twice, err := Numbers{}.Parse(once, rapid.SampledFrom(countries).Draw(t, "another").ISO, policy.NumberRule{})
		if err != nil || twice != once {
			t.Fatalf("%q became %q, then %q: %v", typed, once, twice, err)
		}
	})
}

func TestParseRefusesGarbageWithoutPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := string(rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "typed"))
		if got, err := (Numbers{}).Parse(typed, rapid.String().Draw(t, "country"), policy.NumberRule{}); err == nil && !strings.HasPrefix(got, "+") {
			t.Fatalf("%q became %q", typed, got)
		}
	})
}

func TestCountries(t *testing.T) {
	for name, c := range map[string]struct {
		lang  string
		first Country
		has   Country
	}{
		"English":                       {"en", Country{"AF", "Afghanistan", 93}, Country{"DE", "Germany", 49}},
		"German, umlauts among letters": {"de", Country{"AF", "Afghanistan", 93}, Country{"AT", "Österreich", 43}},
		"Portuguese of Brazil":          {"pt-BR", Country{"AF", "Afeganistão", 93}, Country{"DE", "Alemanha", 49}},
		"an unknown language":           {"zz", Country{"AF", "Afghanistan", 93}, Country{"DE", "Germany", 49}},
		"no language at all":            {"", Country{"AF", "Afghanistan", 93}, Country{"US", "United States", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			list := Countries(c.lang)
			if len(list) < 240 {
				t.Fatalf("%d countries", len(list))
			}
			if diff := cmp.Diff(c.first, list[0]); diff != "" {
				t.Errorf("first: %s", diff)
			}
			found := false
			for i, country := range list {
				found = found || country == c.has
				if country.Name == "" || country.CallingCode == 0 || len(country.ISO) != 2 {
					t.Errorf("line %d is incomplete: %+v", i, country)
				}
			}
			if !found {
				t.Errorf("%+v is not in the list", c.has)
			}
		})
	}
}

func TestCountriesSortAsTheLanguageDoes(t *testing.T) {
	at := func(list []Country, iso string) int {
		for i, c := range list {
			if c.ISO == iso {
				return i
			}
		}
		t.Fatalf("no %s", iso)
		return 0
	}
	german, swedish := Countries("de"), Countries("sv")
	if at(german, "AT") > at(german, "ZW") {
		t.Error("German: Österreich stands after Zimbabwe")
	}
	if at(swedish, "AT") < at(swedish, "ZW") {
		t.Error("Swedish: Österrike stands before Zimbabwe")
	}
}

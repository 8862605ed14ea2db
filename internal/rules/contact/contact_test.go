package contact

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// seed 22: the last two digits of a number, the first two characters of an email.
func TestMask(t *testing.T) {
	for name, c := range map[string]struct {
		channel       Channel
		address, want string
	}{
		"an email address":                      {Email, "anna@example.com", "an•••@•••"},
		"a local part of two shows one":         {Email, "an@example.com", "a•••@•••"},
		"a local part of one shows none":        {Email, "a@example.com", "•••@•••"},
		"no local part":                         {Email, "@example.com", "•••@•••"},
		"characters, not bytes":                 {Email, "žluťoučký@example.cz", "žl•••@•••"},
		"a quoted local part with an @ inside":  {Email, `"a@b"@example.com`, `"•••@•••`},
		"nothing":                               {Email, "", "•••@•••"},
		"a number":                              {SMS, "+4915123456789", "•••• 89"},
		"the same number for calls":             {Voice, "+4915123456789", "•••• 89"},
		"a number too short to hide in":         {SMS, "112", "••••"},
		"a number just long enough":             {SMS, "1128", "•••• 28"},
		"no number":                             {SMS, "", "••••"},
		"a device of an app ends like a number": {App, "device-77", "•••• 77"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Contact{Channel: c.channel, Address: c.address}).Mask(); got != c.want {
				t.Fatalf("%q, want %q", got, c.want)
			}
		})
	}
}

// law 2: a mask shows two characters at most, never the whole, and not the domain.
func TestMaskShowsTwoCharactersAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringN(0, 20, -1).Filter(func(s string) bool { return !strings.ContainsAny(s, "@•") }).Draw(t, "local")
		domain := rapid.StringMatching(`[a-z]{1,10}\.[a-z]{2,6}`).Draw(t, "domain")
		shown := strings.TrimSuffix(Mask(Email, local+"@"+domain), "•••@•••")
		if !strings.HasPrefix(local, shown) || utf8.RuneCountInString(shown) > 2 || (local != "" && shown == local) {
			t.Fatalf("%q is shown of %q", shown, local)
		}
		number := rapid.StringMatching(`\+[1-9][0-9]{2,14}`).Draw(t, "number")
		if tail := strings.TrimPrefix(Mask(SMS, number), "•••• "); len(tail) != 2 || !strings.HasSuffix(number, tail) {
			t.Fatalf("%q is shown of %q", tail, number)
		}
	})
}

func TestMaskAccount(t *testing.T) {
	for account, want := range map[string]string{
		"anna@example.com": "an•••", "7f3c": "7f•••", "ab": "a•••", "a": "•••", "": "•••", "žluť": "žl•••",
	} {
		if got := MaskAccount(account); got != want {
			t.Errorf("%q: %q, want %q", account, got, want)
		}
	}
}

// Only a full contact releases: a junior or disabled one never.
func TestReleasing(t *testing.T) {
	b := Book{Recorded: true, Contacts: []Contact{{ID: "1", Standing: Full}, {ID: "2", Standing: Junior}, {ID: "3", Standing: Disabled}, {ID: "4", Standing: Full}, {ID: "5"}}}
	want := []Contact{{ID: "1", Standing: Full}, {ID: "4", Standing: Full}}
	if diff := cmp.Diff(want, b.Releasing()); diff != "" {
		t.Fatal(diff)
	}
}

// law 13: absence is a written fact.
func TestAbsence(t *testing.T) {
	one := []Contact{{ID: "1"}}
	for name, c := range map[string]struct {
		book Book
		want bool
	}{
		"nothing was ever written":          {Book{}, false},
		"it was written that there is none": {Book{Recorded: true}, true},
		"one contact":                       {Book{Recorded: true, Contacts: one}, false},
		"a contact and no record of it":     {Book{Contacts: one}, false},
	} {
		if got := c.book.Absent(); got != c.want {
			t.Errorf("%s: absent %v", name, got)
		}
	}
}

func TestFind(t *testing.T) {
	b := Book{Contacts: []Contact{{ID: "1"}, {ID: "2", Standing: Junior}}}
	if c, ok := b.Find("2"); !ok || c.Standing != Junior {
		t.Errorf("%+v, %v", c, ok)
	}
	if c, ok := b.Find("3"); ok {
		t.Errorf("found %+v", c)
	}
}

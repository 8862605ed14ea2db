package code

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/rules/contact"
)

var key = []byte("0123456789abcdef0123456789abcdef")

func challenge() Challenge {
	return Challenge{
		ID: "c-1", Tenant: "shop", Account: "anna", Purpose: Unblock, Object: "anna-unusual", Flow: "f-1",
		ContactID: "k-1", Channel: contact.Email, Destination: "hash", Nonce: [16]byte{1, 2, 3}, Epoch: 7,
		Digits: 6, MaxAttempts: 5,
	}
}

func nonce(n int) (v [16]byte) {
	binary.BigEndian.PutUint64(v[8:], uint64(n))
	return v
}

// Codes are uniform: a chi-square test over each digit and over all two-digit ends,
// at a bound that a fair source passes in all but one of a million runs. The nonces
// are fixed, so the outcome is too.
func TestDeriveIsUniform(t *testing.T) {
	const codes = 100_000
	var digits [6][10]int
	var ends [100]int
	leadingZero := 0
	c := challenge()
	for n := range codes {
		c.Nonce = nonce(n)
		got := Derive(key, c)
		if len(got) != 6 || strings.Trim(got, "0123456789") != "" {
			t.Fatalf("%q is no code of six digits", got)
		}
		for i := range got {
			digits[i][got[i]-'0']++
		}
		ends[(got[4]-'0')*10+got[5]-'0']++
		if got[0] == '0' {
			leadingZero++
		}
	}
	for i := range digits {
		if x := chiSquare(digits[i][:]); x > 45.1 { // 9 degrees of freedom
			t.Errorf("digit %d: chi-square %.1f of %v", i, x, digits[i])
		}
	}
	if x := chiSquare(ends[:]); x > 180.8 { // 99 degrees of freedom
		t.Errorf("the last two digits: chi-square %.1f", x)
	}
	if leadingZero < codes/11 {
		t.Errorf("%d of %d codes begin with a zero: leading zeros are lost", leadingZero, codes)
	}
}

func chiSquare(counts []int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	expected, x := float64(total)/float64(len(counts)), 0.0
	for _, n := range counts {
		x += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	return x
}

// reduce refuses exactly the incomplete last stretch of 64 bits.
func TestReduceHasNoFavourites(t *testing.T) {
	for digits := 1; digits <= 10; digits++ {
		space := uint64(1)
		for range digits {
			space *= 10
		}
		whole := ^uint64(0) / space * space
		for name, c := range map[string]struct {
			n, want uint64
			ok      bool
		}{
			"the first":               {0, 0, true},
			"the last of the first":   {space - 1, space - 1, true},
			"the second round begins": {space, 0, true},
			"the last one taken":      {whole - 1, space - 1, true},
			"the first one refused":   {whole, 0, false},
			"the largest of all":      {^uint64(0), 0, false},
		} {
			if got, ok := reduce(c.n, digits); got != c.want || ok != c.ok {
				t.Errorf("%d digits, %s: %d %v", digits, name, got, ok)
			}
		}
	}
}

func TestDeriveHasTheLengthOfThePolicy(t *testing.T) {
	for digits := 6; digits <= 10; digits++ {
		for n := range 200 {
			c := challenge()
			c.Digits, c.Nonce = digits, nonce(n)
			if got := Derive(key, c); len(got) != digits {
				t.Fatalf("%q has not %d digits", got, digits)
			}
		}
	}
}

// law 3: a code is tied to all that it is bound to. Ten digits make a chance hit one
// in ten thousand million.
func TestDeriveDiffersByEveryBoundField(t *testing.T) {
	base := challenge()
	base.Digits = 10
	for name, change := range map[string]func(*Challenge){
		"tenant":                 func(c *Challenge) { c.Tenant = "bank" },
		"account":                func(c *Challenge) { c.Account = "ben" },
		"purpose":                func(c *Challenge) { c.Purpose = Recovery },
		"object":                 func(c *Challenge) { c.Object = "anna-other" },
		"destination":            func(c *Challenge) { c.Destination = "other" },
		"nonce":                  func(c *Challenge) { c.Nonce[15]++ },
		"epoch (a restore)":      func(c *Challenge) { c.Epoch++ },
		"a border between words": func(c *Challenge) { c.Tenant, c.Account = "shopa", "nna" },
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			change(&c)
			if Derive(key, c) == Derive(key, base) {
				t.Error("the same code")
			}
		})
	}
	other := append([]byte{'x'}, key[1:]...)
	if Derive(other, base) == Derive(key, base) {
		t.Error("another key gives the same code")
	}
}

// Sending again and counting attempts repeat the same code.
func TestDeriveDoesNotChangeWithTheCourse(t *testing.T) {
	base := challenge()
	for name, change := range map[string]func(*Challenge){
		"an attempt":  func(c *Challenge) { c.Attempts++ },
		"a sending":   func(c *Challenge) { c.Sends++ },
		"time passed": func(c *Challenge) { c.Expires = c.Expires.Add(time.Hour) },
		"its ID":      func(c *Challenge) { c.ID = "c-2" },
	} {
		c := base
		change(&c)
		if Derive(key, c) != Derive(key, base) {
			t.Errorf("%s changes the code", name)
		}
	}
}

func TestEqual(t *testing.T) {
	for name, c := range map[string]struct {
		submitted string
		want      bool
	}{
		"the code":                       {"012345", true},
		"with a space, as in the mail":   {"012 345", true},
		"with spaces around":             {"  012345 ", true},
		"with a hyphen":                  {"012-345", true},
		"with a space that never breaks": {"012\u00a0345", true},
		"another code":                   {"012346", false},
		"without its leading zero":       {"12345", false},
		"one digit short":                {"01234", false},
		"one digit more":                 {"0123450", false},
		"twice":                          {"012345012345", false},
		"a plus before it":               {"+012345", false},
		"nothing":                        {"", false},
		"spaces alone":                   {"   ", false},
		"letters that look alike":        {"O12345", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Equal("012345", c.submitted); got != c.want {
				t.Fatalf("Equal(%q) = %v", c.submitted, got)
			}
		})
	}
}

// T4, N5: the waits follow one another; the last repeats.
func TestResendWait(t *testing.T) {
	waits := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}
	for name, c := range map[string]struct {
		waits []time.Duration
		sends int
		want  time.Duration
	}{
		"before the first sending":    {waits, 0, time.Minute},
		"after one sending":           {waits, 1, time.Minute},
		"after two":                   {waits, 2, 2 * time.Minute},
		"after three":                 {waits, 3, 4 * time.Minute},
		"after four the last repeats": {waits, 4, 4 * time.Minute},
		"after a million":             {waits, 1_000_000, 4 * time.Minute},
		"a policy that does not wait": {nil, 9, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ResendWait(c.waits, c.sends); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}

// law 3: open while unspent and unexpired, gone before spent.
func TestVerdict(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*Challenge)
		want   Verdict
		left   int
	}{
		"fresh":                       {func(*Challenge) {}, Open, 5},
		"after four attempts":         {func(c *Challenge) { c.Attempts = 4 }, Open, 1},
		"after five attempts":         {func(c *Challenge) { c.Attempts = 5 }, Spent, 0},
		"after more than five":        {func(c *Challenge) { c.Attempts = 9 }, Spent, 0},
		"a nanosecond before its end": {func(c *Challenge) { c.Expires = now.Add(1) }, Open, 5},
		"at the instant of its end":   {func(c *Challenge) { c.Expires = now }, Gone, 5},
		"accepted once":               {func(c *Challenge) { c.Consumed = now.Add(-time.Second) }, Gone, 5},
		"replaced by a resend":        {func(c *Challenge) { c.Superseded = now.Add(-time.Second) }, Gone, 5},
		"spent and expired":           {func(c *Challenge) { c.Attempts, c.Expires = 5, now }, Gone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ch := challenge()
			ch.Expires = now.Add(10 * time.Minute)
			c.change(&ch)
			if got := ch.Verdict(now); got != c.want || ch.AttemptsLeft() != c.left {
				t.Fatalf("%s with %d left, want %s with %d", got, ch.AttemptsLeft(), c.want, c.left)
			}
		})
	}
}

// The binding is injective: two challenges share it only if they share every field.
func TestBindingIsInjective(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) Challenge {
			return Challenge{
				Tenant: word.Draw(t, label+" tenant"), Account: word.Draw(t, label+" account"),
				Purpose: Purpose(word.Draw(t, label+" purpose")), Object: word.Draw(t, label+" object"),
				Destination: word.Draw(t, label+" destination"),
			}
		}
		a, b := draw("a"), draw("b")
		if same := string(a.binding(0)) == string(b.binding(0)); same != (a == b) {
			t.Fatalf("%+v and %+v: same binding %v", a, b, same)
		}
	})
}

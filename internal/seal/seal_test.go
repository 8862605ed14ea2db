package seal

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

var _ flow.Sealer = (*Keys)(nil)

func claims() ticket.Claims {
	return ticket.Claims{
		ID: "0193b3c4-8f3e-7d52-9b0a-5c1d2e3f4a5b", Issuer: "https://holdfast.example", Tenant: "shop",
		Account: "anna@example.com", Block: "anna-unusual", Purpose: code.Unblock,
		Host: "account.shop.example", Epoch: 3, Expires: 1_790_000_000_000,
	}
}

func challenge() code.Challenge {
	return code.Challenge{ID: "c", Tenant: "shop", Account: "anna", Purpose: code.Unblock, Object: "b", Destination: "d", Digits: 6}
}

func TestTicketsComeBackWhole(t *testing.T) {
	k := generate(t)
	text := rapid.StringN(0, 40, 200)
	rapid.Check(t, func(t *rapid.T) {
		in := ticket.Claims{
			ID: text.Draw(t, "id"), Issuer: text.Draw(t, "issuer"), Tenant: text.Draw(t, "tenant"),
			Account: text.Draw(t, "account"), Block: text.Draw(t, "block"), Purpose: code.Purpose(text.Draw(t, "purpose")),
			Host: text.Draw(t, "host"), Epoch: rapid.Int64().Draw(t, "epoch"), Expires: rapid.Int64().Draw(t, "expires"),
		}
		sealed, err := k.SealTicket(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(sealed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			t.Fatalf("%q is not safe in a URL", sealed)
		}
		out, err := k.OpenTicket(sealed)
		if diff := cmp.Diff(in, out); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// law 2: a ticket stands in URLs and access logs and must not tell the account.
func TestTicketHidesTheAccount(t *testing.T) {
	sealed, err := generate(t).SealTicket(claims())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(sealed)
	if strings.Contains(string(raw), "anna") || strings.Contains(sealed, "anna") {
		t.Fatal("the account shows")
	}
}

func TestOpenTicketTakesNothingElse(t *testing.T) {
	k := generate(t)
	sealed, err := k.SealTicket(claims())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := generate(t).SealTicket(claims())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := k.Seal([]byte(`{"sub":"anna"}`), ticketData)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := k.material().tickets.Encrypt([]byte(`{"sub":"anna"}`), []byte("holdfast link v1"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"nothing":                      "",
		"a ticket of other keys":       foreign,
		"sealed data of the store":     encoding.EncodeToString(stored),
		"another thing of this keyset": encoding.EncodeToString(elsewhere),
		"a line break inside":          sealed[:9] + "\n" + sealed[9:],
		"a carriage return at the end": sealed + "\r",
		"a space at the end":           sealed + " ",
		"padding":                      sealed + "=",
		"standard base64":              base64.StdEncoding.EncodeToString(raw),
		"one character more":           sealed + "A",
		"far too long":                 strings.Repeat("A", 1<<20),
		"plain JSON":                   `{"sub":"anna"}`,
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := k.OpenTicket(in); !errors.Is(err, ticket.ErrInvalid) || got != (ticket.Claims{}) {
				t.Fatalf("OpenTicket = %+v, %v", got, err)
			}
		})
	}
	for i := range sealed {
		if _, err := k.OpenTicket(sealed[:i]); !errors.Is(err, ticket.ErrInvalid) {
			t.Fatalf("cut to %d characters: %v", i, err)
		}
		for _, c := range []byte("AQ_-") {
			if changed := sealed[:i] + string(c) + sealed[i+1:]; changed != sealed {
				if _, err := k.OpenTicket(changed); !errors.Is(err, ticket.ErrInvalid) {
					t.Fatalf("character %d changed: %v", i, err)
				}
			}
		}
	}
}

func TestSealTicketRefusesWhatNoLinkCarries(t *testing.T) {
	c := claims()
	c.Account = strings.Repeat("a", maxTicket)
	if sealed, err := generate(t).SealTicket(c); err == nil {
		t.Fatalf("a ticket of %d characters", len(sealed))
	} else if strings.Contains(err.Error(), "aaaa") {
		t.Fatalf("the error shows the account: %v", err)
	}
}

func TestSealedDataOpensOnlyWhereItBelongs(t *testing.T) {
	k, other := generate(t), generate(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.String().Draw(t, "place")
		sealed, err := k.Seal(plain, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open(sealed, place); err != nil || string(got) != string(plain) {
			t.Fatalf("Open = %q, %v", got, err)
		}
		again, err := k.Seal(plain, place)
		if err != nil || string(again) == string(sealed) {
			t.Fatalf("sealing twice gives the same: %v", err)
		}
		elsewhere := rapid.String().Filter(func(s string) bool { return s != place }).Draw(t, "elsewhere")
		if _, err := k.Open(sealed, elsewhere); !errors.Is(err, ErrSealed) {
			t.Fatalf("opened elsewhere: %v", err)
		}
		if _, err := other.Open(sealed, place); !errors.Is(err, ErrSealed) {
			t.Fatalf("opened by other keys: %v", err)
		}
		if _, err := k.Open(sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")], place); !errors.Is(err, ErrSealed) {
			t.Fatalf("opened although cut: %v", err)
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if _, err := k.Open(sealed, place); !errors.Is(err, ErrSealed) {
			t.Fatalf("opened although changed: %v", err)
		}
	})
}

func TestGarbageOpensNothingAndPanicsNowhere(t *testing.T) {
	k := generate(t)
	rapid.Check(t, func(t *rapid.T) {
		garbage := rapid.SliceOf(rapid.Byte()).Draw(t, "garbage")
		if _, err := k.Open(garbage, ""); !errors.Is(err, ErrSealed) {
			t.Fatal(err)
		}
		for _, text := range []string{string(garbage), encoding.EncodeToString(garbage)} {
			if _, err := k.OpenTicket(text); !errors.Is(err, ticket.ErrInvalid) {
				t.Fatal(err)
			}
		}
		if _, err := Parse(map[string][]byte{EntryContacts: garbage, EntryTickets: garbage}); err == nil {
			t.Fatal("garbage is a key")
		}
	})
}

func TestCode(t *testing.T) {
	k := generate(t)
	if a, b := k.Code(challenge()), k.Code(challenge()); a != b || len(a) != 6 {
		t.Fatalf("one challenge, two codes: %q, %q", a, b)
	}
	other, differ := generate(t), 0
	for i := range 8 {
		c := challenge()
		c.Nonce[0] = byte(i)
		if k.Code(c) != other.Code(c) {
			differ++
		}
	}
	if differ < 6 {
		t.Fatalf("other keys give the same codes: %d of 8 differ", differ)
	}
}

func TestLookup(t *testing.T) {
	k := generate(t)
	mail := k.Lookup("shop", "anna@example.com")
	for name, same := range map[string]string{"capitals": "Anna@Example.COM", "spaces around": " anna@example.com\t"} {
		if k.Lookup("shop", same) != mail {
			t.Errorf("%s make it another address", name)
		}
	}
	for name, other := range map[string]string{
		"another tenant":       k.Lookup("bank", "anna@example.com"),
		"another address":      k.Lookup("shop", "anna@example.org"),
		"a border moved":       k.Lookup("shopa", "nna@example.com"),
		"other keys":           generate(t).Lookup("shop", "anna@example.com"),
		"the same, all tenant": k.Lookup("shopanna@example.com", ""),
	} {
		if other == mail {
			t.Errorf("%s: the same hash", name)
		}
	}
	if strings.Contains(mail, "anna") || len(mail) != 43 {
		t.Errorf("the hash is %q", mail)
	}
}

func BenchmarkSealTicket(b *testing.B) {
	k, c := generate(b), claims()
	for b.Loop() {
		if _, err := k.SealTicket(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenTicket(b *testing.B) {
	k := generate(b)
	sealed, err := k.SealTicket(claims())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := k.OpenTicket(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	k := generate(b)
	for b.Loop() {
		_ = k.Lookup("shop", "anna@example.com")
	}
}

func BenchmarkCode(b *testing.B) {
	k, c := generate(b), challenge()
	for b.Loop() {
		_ = k.Code(c)
	}
}

package ticket

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// A ticket is for one issuer, tenant, host, purpose and epoch, and dead after five
// minutes; the refusal does not say which of them it was.
func TestCheck(t *testing.T) {
	issued := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	claims := Claims{
		ID: "t-1", Issuer: "https://id.shop.example", Tenant: "shop", Account: "anna", Block: "b",
		Purpose: code.Unblock, Host: "account.shop.example", Epoch: 7, Expires: issued.Add(Life).UnixMilli(),
	}
	audience := Audience{Issuer: claims.Issuer, Tenant: "shop", Host: claims.Host, Purpose: code.Unblock, Epoch: 7}
	for name, c := range map[string]struct {
		change func(*Audience)
		after  time.Duration
		valid  bool
	}{
		"at once, where it belongs":      {func(*Audience) {}, 0, true},
		"a millisecond before its end":   {func(*Audience) {}, Life - time.Millisecond, true},
		"five minutes later":             {func(*Audience) {}, Life, false},
		"a day later":                    {func(*Audience) {}, 24 * time.Hour, false},
		"at another tenant":              {func(a *Audience) { a.Tenant = "bank" }, 0, false},
		"at another host":                {func(a *Audience) { a.Host = "account.bank.example" }, 0, false},
		"at the same host, another port": {func(a *Audience) { a.Host += ":8443" }, 0, false},
		"for another purpose":            {func(a *Audience) { a.Purpose = code.Recovery }, 0, false},
		"of another issuer":              {func(a *Audience) { a.Issuer = "https://id.bank.example" }, 0, false},
		"after the store was restored":   {func(a *Audience) { a.Epoch = 8 }, 0, false},
		"of an epoch that came after":    {func(a *Audience) { a.Epoch = 6 }, 0, false},
		"at a host that is not named":    {func(a *Audience) { a.Host = "" }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			at := audience
			c.change(&at)
			err := claims.Check(at, issued.Add(c.after))
			if c.valid && err != nil || !c.valid && !errors.Is(err, ErrInvalid) {
				t.Fatalf("Check = %v", err)
			}
		})
	}
	if err := (Claims{}).Check(Audience{}, issued); err == nil {
		t.Error("empty claims are good for an empty audience")
	}
}

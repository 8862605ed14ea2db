package flow_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	testNumber  = "+491713920000"
	otherNumber = "+491713920001"
)

// seeds is what the QA's Secret holds.
type seeds map[string][]byte

func (s seeds) Secret(tenant, name string) (map[string][]byte, error) {
	if tenant != shop || name != "qa" {
		return nil, rules.ErrNotFound
	}
	return s, nil
}

// withTestNumbers lists two test numbers; only the first has a seed that can be read.
func withTestNumbers(t *testing.T) (*desk, code.Seed) {
	t.Helper()
	d := newDesk(t)
	text := []byte("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	d.policies[shop].Testing = policy.Testing{Numbers: []string{testNumber, otherNumber}, Secret: "qa"}
	d.Seeds = seeds{code.SeedKey(testNumber): text, code.SeedKey(otherNumber): []byte("123456")}
	seed, err := code.ParseSeed(text)
	is(t, err, nil)
	return d, seed
}

// A test number proves what any other would, by the code of its authenticator alone: not by
// the one that a message would have carried, nor by another number's.
func TestATestNumberTakesItsAuthenticatorsCode(t *testing.T) {
	d, seed := withTestNumbers(t)
	qa := contact.Contact{ID: "qa", Channel: contact.SMS, Address: testNumber, Standing: contact.Full}
	other := contact.Contact{ID: "other", Channel: contact.SMS, Address: otherNumber, Standing: contact.Full}
	d.has(anna, qa, other, cell)
	d.block("b1")
	v := d.open(anna)

	view := d.request(v, flow.Target{ContactID: "other"})
	is(t, d.submit(v, view.ID, seed.At(6, d.Now())), rules.ErrWrongCode)
	is(t, d.submit(v, view.ID, "123456"), rules.ErrWrongCode)

	d.clock.step(2 * time.Minute)
	view = d.request(v, toCell)
	is(t, d.submit(v, view.ID, seed.At(6, d.Now())), rules.ErrWrongCode)

	d.clock.step(5 * time.Minute)
	view = d.request(v, flow.Target{ContactID: "qa"})
	is(t, d.submit(v, view.ID, d.code(view.ID)), rules.ErrWrongCode)
	_, credential, err := d.SubmitCode(t.Context(), v, view.ID, seed.At(6, d.Now()))
	is(t, err, nil)
	v.Credential = credential
	if o := d.overview(v); o.EnteredNumber || len(o.Remaining) != 1 || o.Remaining[0] != block.ChangePassword {
		t.Errorf("proved, and left to do: %+v", o)
	}
	is(t, d.submit(v, view.ID, seed.At(6, d.Now())), rules.ErrGone) // law 3: once
}

// law 3: attempts run out over test numbers as over others, and then no code is right.
func TestATestNumberSpendsTheSameAttempts(t *testing.T) {
	d, seed := withTestNumbers(t)
	d.has(anna, contact.Contact{ID: "qa", Channel: contact.SMS, Address: testNumber, Standing: contact.Full})
	d.block("b1")
	v := d.open(anna)
	view := d.request(v, flow.Target{ContactID: "qa"})
	for range d.policies[shop].Codes.MaxAttempts - 1 {
		is(t, d.submit(v, view.ID, "000000"), rules.ErrWrongCode)
	}
	is(t, d.submit(v, view.ID, "000000"), rules.ErrSpent)
	is(t, d.submit(v, view.ID, seed.At(6, d.Now())), rules.ErrSpent)
}

// seed 3: a test number that was entered proves no owner, as any that was; one serves no
// more accounts than another would.
func TestAnEnteredTestNumberIsLimitedLikeAny(t *testing.T) {
	d, seed := withTestNumbers(t)
	for i, account := range []string{"a", "b", "c", "d"} {
		d.has(account)
		d.block("of-"+account, func(s *block.Spec) { s.Account = account })
		v := d.open(account)
		view, err := d.RequestCode(t.Context(), v, flow.Target{Channel: contact.SMS, Number: testNumber})
		if i == 3 {
			if err == nil {
				t.Fatal("a fourth account got a code")
			}
			continue
		}
		is(t, err, nil)
		_, credential, err := d.SubmitCode(t.Context(), v, view.ID, seed.At(6, d.Now()))
		is(t, err, nil)
		v.Credential = credential
		if !d.overview(v).EnteredNumber {
			t.Error("the number counts as the account's own")
		}
		d.clock.step(20 * time.Minute)
	}
}

// Without its Secret no code of a test number is right, not even the derived one.
func TestATestNumberWithoutASeed(t *testing.T) {
	d, seed := withTestNumbers(t)
	d.has(anna, contact.Contact{ID: "qa", Channel: contact.SMS, Address: testNumber, Standing: contact.Full})
	d.block("b1")
	v := d.open(anna)
	view := d.request(v, flow.Target{ContactID: "qa"})
	for _, without := range []flow.Seeds{nil, seeds{}} {
		d.Seeds = without
		is(t, d.submit(v, view.ID, seed.At(6, d.Now())), rules.ErrWrongCode)
		is(t, d.submit(v, view.ID, d.code(view.ID)), rules.ErrWrongCode)
	}
}

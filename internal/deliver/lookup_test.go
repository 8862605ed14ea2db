package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// directory is Twilio's Lookup with a client that asks it.
type directory struct {
	*carrier
	*deliver.Dispatcher
	secrets *delivertest.Secrets
	now     time.Time
}

func startDirectory(t *testing.T, answer http.HandlerFunc, keys ...string) *directory {
	t.Helper()
	d := &directory{carrier: startCarrier(t, nil, nil), secrets: &delivertest.Secrets{}, now: delivertest.Now()}
	d.answer = answer
	d.secrets.Put("provider", d.with(append([]string{"lookup", "line-type"}, keys...)...))
	allow, err := deliver.ParsePatterns([]string{d.Endpoint(), "127.0.0.1:*"})
	if err != nil {
		t.Fatal(err)
	}
	d.Dispatcher = deliver.New(d.secrets, allow, deliver.Options{Now: func() time.Time { return d.now }})
	t.Cleanup(d.Close)
	return d
}

// found is an answer of Lookup's.
func found(kind string) http.HandlerFunc {
	return answers(200, fmt.Sprintf(`{"phone_number": "+4915112345678", "valid": true, "line_type_intelligence": {"type": %q}}`, kind))
}

func query(number string) line.Query {
	often := limit.Rate{Count: 1000, Per: time.Hour, Burst: 1000}
	return line.Query{
		Tenant: delivertest.Tenant, Account: "anna", Number: number, PerAccount: often, PerTenant: often,
		Providers: []policy.Provider{{Name: "mail", Type: "SMTP", Secret: "none"}, carrierProvider},
	}
}

// T5, seed 20: what Twilio calls a line is the kind that the rules know.
func TestTwilioLines(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   line.Kind
	}{
		"a mobile":              {found("mobile"), line.Mobile},
		"a landline":            {found("landline"), line.Landline},
		"VoIP at a place":       {found("fixedVoip"), line.VoIP},
		"VoIP anywhere":         {found("nonFixedVoip"), line.VoIP},
		"premium":               {found("premium"), line.Premium},
		"shared cost":           {found("sharedCost"), line.SharedCost},
		"toll-free":             {found("tollFree"), line.TollFree},
		"a pager":               {found("pager"), line.Pager},
		"personal":              {found("personal"), line.Personal},
		"a company":             {found("uan"), line.Company},
		"voicemail":             {found("voicemail"), line.Voicemail},
		"unknown":               {found("unknown"), line.Unknown},
		"of a later version":    {found("hologram"), line.Unknown},
		"carriers tell nothing": {answers(200, `{"phone_number": "+4915112345678", "valid": true, "line_type_intelligence": {"type": null, "error_code": 60600}}`), line.Unknown},
		"nobody's number":       {answers(200, `{"phone_number": "+4915112345678", "valid": false, "validation_errors": ["TOO_SHORT"]}`), line.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDirectory(t, test.answer)
			got, err := d.Line(t.Context(), query(goodNumber))
			if err != nil || got != test.want {
				t.Fatalf("got %q, %v; want %q", got, err, test.want)
			}
			r := d.last(t)
			user, password, _ := r.BasicAuth()
			if r.Method != http.MethodGet || r.URL.Path != "/v2/PhoneNumbers/"+goodNumber || r.URL.Query().Get("Fields") != "line_type_intelligence" ||
				user != twilioAccount || password != "correcthorse" {
				t.Errorf("%s %s as %s", r.Method, r.URL, user)
			}
		})
	}
}

// Whatever is no answer is an outage: the policy says what follows.
func TestLookupOutages(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		keys   []string
	}{
		"500":                 {answers(500, "the provider says"), nil},
		"429":                 {refuse(429, 20429), nil},
		"wrong credentials":   {refuse(401, 20003), nil},
		"not Twilio":          {answers(200, "<html>"), nil},
		"another JSON":        {answers(200, "{}"), nil},
		"no such page":        {refuse(404, 20404), nil},
		"a redirect":          {answers(302, "", "Location", "https://evil.example"), nil},
		"closed":              {hangsUp, nil},
		"closed in the body":  {cut(200), nil},
		"nobody listens":      {found("mobile"), []string{"endpoint", "https://127.0.0.1:1"}},
		"not on the list":     {found("mobile"), []string{"endpoint", "https://elsewhere.example"}},
		"a Secret that is no": {found("mobile"), []string{"accountSid", "hunter2"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDirectory(t, test.answer, test.keys...)
			kind, err := d.Line(t.Context(), query(goodNumber))
			if !errors.Is(err, line.ErrOutage) || kind != line.Unasked {
				t.Fatalf("got %q, %v", kind, err)
			}
			if strings.Contains(err.Error(), goodNumber) || strings.Contains(err.Error(), "provider says") {
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}

// Nobody is asked where no Secret asks for it: look-ups cost.
func TestLookupsAreAskedFor(t *testing.T) {
	d := startDirectory(t, found("nonFixedVoip"), "lookup", "")
	if kind, err := d.Line(t.Context(), query(goodNumber)); kind != line.Unasked || err != nil || d.count() != 0 {
		t.Errorf("got %q, %v, %d calls", kind, err, d.count())
	}
	if err := deliver.Validate("Twilio", d.with("lookup", "hunter2")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("validation: %v", err)
	}
}

// An answer is remembered for a day, by tenant and provider; an outage is not.
func TestAnswersAreRememberedForADay(t *testing.T) {
	d := startDirectory(t, answers(500, ""))
	ask := func() (line.Kind, error) { return d.Line(t.Context(), query(goodNumber)) }
	if _, err := ask(); !errors.Is(err, line.ErrOutage) {
		t.Fatal(err)
	}
	d.answer = found("landline")
	for _, step := range []struct {
		after time.Duration
		calls int
	}{{0, 2}, {time.Minute, 2}, {24*time.Hour - time.Minute - time.Nanosecond, 2}, {time.Nanosecond, 3}} {
		d.now = d.now.Add(step.after)
		if kind, err := ask(); kind != line.Landline || err != nil || d.count() != step.calls {
			t.Errorf("after %v: %q, %v, %d calls; want %d", step.after, kind, err, d.count(), step.calls)
		}
	}
	other := query(goodNumber)
	other.Tenant = "bank"
	if _, err := d.Line(t.Context(), other); !errors.Is(err, line.ErrOutage) || d.count() != 3 {
		t.Errorf("another tenant: %v, %d calls", err, d.count())
	}
}

// What an account and a tenant may look up is bounded: each look-up costs (T6).
func TestLookupsAreBounded(t *testing.T) {
	d := startDirectory(t, found("mobile"))
	ask := func(account string, n int) error {
		q := query(fmt.Sprintf("+49151%08d", n))
		q.Account, q.PerAccount, q.PerTenant = account, limit.Rate{Count: 2, Per: time.Hour, Burst: 2}, limit.Rate{Count: 3, Per: time.Hour, Burst: 3}
		_, err := d.Line(t.Context(), q)
		return err
	}
	wait := func(err error) time.Duration {
		t.Helper()
		var limited *rules.LimitError
		if !errors.As(err, &limited) || limited.Subject != "lookup" {
			t.Fatalf("got %v", err)
		}
		return limited.RetryAfter
	}
	for n := range 2 {
		if err := ask("anna", n); err != nil {
			t.Fatal(err)
		}
	}
	if got := wait(ask("anna", 3)); got != 30*time.Minute {
		t.Errorf("anna waits %v", got)
	}
	if err := ask("anna", 1); err != nil {
		t.Errorf("what is known costs nothing: %v", err)
	}
	if err := ask("bert", 4); err != nil {
		t.Error(err)
	}
	if got := wait(ask("cara", 5)); got != 20*time.Minute || d.count() != 3 {
		t.Errorf("the tenant waits %v after %d calls", got, d.count())
	}
	d.now = d.now.Add(20 * time.Minute)
	if err := ask("cara", 5); err != nil {
		t.Error(err)
	}
}

// Whoever does not answer is left alone for a while: people do not wait in turn.
func TestLookupCircuit(t *testing.T) {
	d := startDirectory(t, answers(503, ""))
	ask := func(n int) error {
		_, err := d.Line(t.Context(), query(fmt.Sprintf("+49151%08d", n)))
		return err
	}
	for n := range 5 {
		if err := ask(n); !errors.Is(err, line.ErrOutage) {
			t.Fatal(err)
		}
	}
	if d.count() != 3 {
		t.Fatalf("%d calls, want 3", d.count())
	}
	d.answer = found("mobile")
	d.now = d.now.Add(2 * time.Second)
	for n := range 5 {
		if err := ask(n); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	}
}

// The second provider answers where the first does not.
func TestLookupsPassAnOutage(t *testing.T) {
	d := startDirectory(t, found("mobile"))
	d.secrets.Put("down", d.with("lookup", "line-type", "endpoint", "https://127.0.0.1:1"))
	q := query(goodNumber)
	q.Providers = []policy.Provider{{Name: "down", Type: "Twilio", Secret: "down"}, carrierProvider}
	if kind, err := d.Line(t.Context(), q); kind != line.Mobile || err != nil {
		t.Errorf("got %q, %v", kind, err)
	}
}

// A person who goes away ends their look-up, and the circuit learns nothing of it.
func TestAbandonedLookup(t *testing.T) {
	d := startDirectory(t, hangs)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		d.answer = func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }
		if _, err := d.Line(ctx, query(goodNumber)); !errors.Is(err, line.ErrOutage) {
			t.Fatal(err)
		}
	}
	d.answer = found("mobile")
	if kind, err := d.Line(t.Context(), query(goodNumber)); kind != line.Mobile || err != nil {
		t.Errorf("got %q, %v", kind, err)
	}
}

// region and edge name the host of look-ups as well.
func TestLookupEndpointIsAllowedByName(t *testing.T) {
	asked := &asking{}
	var secrets delivertest.Secrets
	secrets.Put("provider", map[string][]byte{
		"accountSid": []byte(twilioAccount), "authToken": []byte("t"), "from": []byte("SHOP"), "lookup": []byte("line-type"), "region": []byte("ie1"), "edge": []byte("dublin"),
	})
	d := deliver.New(&secrets, asked, deliver.Options{Now: delivertest.Now})
	if _, err := d.Line(t.Context(), query(goodNumber)); !errors.Is(err, line.ErrOutage) || fmt.Sprint(asked.addresses) != "[lookups.dublin.ie1.twilio.com:443]" {
		t.Errorf("%v, asked %q", err, asked.addresses)
	}
}

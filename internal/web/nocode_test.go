package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/web"
)

// waiting is a visitor with a code to a contact, who has not got it.
func waiting(t *testing.T, contactID string, change ...func(*flow.Overview)) *visitor {
	t.Helper()
	v := opened(t)
	v.desk.Ways.Destinations = append(v.desk.Ways.Destinations, flow.Destination{ContactID: "c2", Channel: contact.Voice, Hint: "•••• 42"})
	for _, c := range change {
		c(&v.desk.Ways)
	}
	expect(t, v.post("/unblock/contact", "contact", contactID), http.StatusSeeOther)
	return v
}

func (v *visitor) noCode() string {
	v.t.Helper()
	return text(v.t, expect(v.t, v.get("/unblock/no-code"), http.StatusOK))
}

// seed 6, 7, 8, 17, 19, 20, 21, 25, 30, 36, 44: one page with every way on.
func TestNoCodeHelp(t *testing.T) {
	v := waiting(t, "Email:c1")
	v.desk.Block.Sender = "code@harbour.example"
	page := v.noCode()
	if got := heading(t, page); got != "I don’t have a code" {
		t.Errorf("heading %q", got)
	}
	contains(t, page, "junk or spam folder", "It comes from code@harbour.example", "mailbox full", "private window", "body of the message",
		"Send another code to ma•••@•••", "Send a text message to ••••\u00a042", "Call ••••\u00a042 and say the code",
		`data-wait="60"`, `datetime="2026-03-03T12:01:00Z"`, "adds no attempts: you have 5 left",
		"The block ends by itself on", `datetime="2026-03-04T12:00:00Z"`, "I don’t have any of these", "neither support nor anybody else",
		"rachel or rachael", "Ask Harbour Shop for help", `href="/unblock/code">I have the code now`)
	lacks(t, page, "different phone number", "Paused")

	redirected(t, v.post("/unblock/resend", "id", v.challenge(), "contact", "SMS:c2"), "/unblock/code")
	page = v.noCode()
	contains(t, page, "block texts or calls", "Can the number receive texts", "VoIP", "Send an email to ma•••@•••", "Call ••••\u00a042 and say the code")
	lacks(t, page, "junk", "private window")

	redirected(t, v.post("/unblock/resend", "id", v.challenge(), "contact", "Voice:c2"), "/unblock/code")
	contains(t, v.noCode(), "Call ••••\u00a042 again", "Send a text message to ••••\u00a042")
	want := []flow.Target{{ContactID: "c1", Channel: contact.Email}, {ContactID: "c2", Channel: contact.SMS}, {ContactID: "c2", Channel: contact.Voice}}
	if diff := cmp.Diff(want, v.desk.Targets); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// seed 24, 25: whoever uses one account to open another is told how, without a word on
// which of the contacts lies where (seed 22).
func TestOwnDomainsAreReadInAPrivateWindow(t *testing.T) {
	v := waiting(t, "Email:c1")
	v.desk.Block.OwnDomains = []string{"harbour.example", "harbour.co.uk"}
	contains(t, v.noCode(), "Does the address end in harbour.example or harbour.co.uk?", "Keep this window open", "new private window", "signs you out of the first")
	expect(t, v.post("/unblock/resend", "id", v.challenge(), "contact", "SMS:c2"), http.StatusSeeOther)
	lacks(t, v.noCode(), "harbour.co.uk")
}

// standards T4: every wait is said, with its own words, on the page of the form.
func TestEveryRefusalOfAnotherCodeSaysWhatHelps(t *testing.T) {
	v := waiting(t, "SMS:c2")
	for subject, want := range map[string]string{
		"resend": "The next code can be sent in 35 seconds", "method": "no codes go this way for another 35 seconds",
		"country": "held back at the moment", "network": "use another network", "account": "can make the block longer",
	} {
		v.desk.Fail["Resend"] = &rules.LimitError{Subject: subject, RetryAfter: 34500 * time.Millisecond}
		r := v.post("/unblock/resend", "id", v.challenge())
		page := text(t, expect(t, r, http.StatusTooManyRequests))
		contains(t, page, want, "35 seconds", "I don’t have a code", `role="alert"`)
		if got := r.Header.Get("Retry-After"); got != "35" {
			t.Errorf("Retry-After %q, want 35", got)
		}
	}
	v.desk.Fail["Resend"] = rules.ErrGone
	contains(t, text(t, expect(t, v.post("/unblock/resend", "id", v.challenge()), http.StatusGone)), "another account was opened in this browser")
}

// seed 28: what is closed is no choice, and where nothing else is left the page says
// until when.
func TestClosedWaysSayUntilWhen(t *testing.T) {
	resting := []flow.Resting{
		{Destination: flow.Destination{ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}, Until: noon.Add(90 * time.Minute)},
		{Destination: flow.Destination{ContactID: "c3", Channel: contact.Voice, Hint: "•••• 43"}},
	}
	v := waiting(t, "Email:c1", func(o *flow.Overview) { o.Destinations, o.Resting = o.Destinations[:1], resting })
	page := v.noCode()
	contains(t, page, "Paused for your protection", "Text message to ••••\u00a042: open again on", `datetime="2026-03-03T13:30:00Z"`,
		"Automated call to ••••\u00a043: not as long as your account is blocked")
	lacks(t, page, `value="SMS:c2"`)
	contains(t, text(t, v.get("/unblock/contact")), `value="Email:c1"`, "Paused for your protection")

	v = opened(t)
	v.desk.Ways = flow.Overview{Resting: resting}
	contains(t, text(t, expect(t, v.get("/unblock/contact"), http.StatusOK)), "We cannot send you a code now", "paused for your protection", `datetime="2026-03-03T13:30:00Z"`)
	if r := v.json("POST", "/v1/challenges", unblock); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "5400" {
		t.Errorf("status %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	account := decode[web.Account](t, v.get("/v1/account"))
	if len(account.Resting) != 2 || !account.Resting[0].Until.Equal(noon.Add(90*time.Minute)) || account.Resting[1].Until != nil {
		t.Errorf("resting %+v", account.Resting)
	}
}

// The page is for codes that can still come: not before the first, not after too many
// wrong ones; an expired one is sent anew.
func TestNoCodePageLeadsToWhereTheFlowStands(t *testing.T) {
	v := opened(t)
	redirected(t, v.get("/unblock/no-code"), "/unblock/contact")
	contains(t, text(t, expect(t, v.post("/unblock/resend", "id", "of-another-flow"), http.StatusGone)), "Where shall we send your code?", "another account was opened in this browser")
	v = waiting(t, "SMS:c2")
	id := v.challenge()
	v.now = v.now.Add(10 * time.Minute)
	contains(t, v.noCode(), "The code to ••••\u00a042 has expired", "Send another code")
	redirected(t, v.post("/unblock/resend", "id", id), "/unblock/code")
	id = v.challenge()
	for range 5 {
		v.post("/unblock/code", "id", id, "code", "000000")
	}
	redirected(t, v.get("/unblock/no-code"), "/unblock/code")
	v.desk.Fail["Resend"] = rules.ErrSpent
	contains(t, text(t, expect(t, v.post("/unblock/resend", "id", id), http.StatusGone)), "Too many wrong codes")
	v = proved(t)
	redirected(t, v.get("/unblock/no-code"), "/unblock/password")
}

// What became of the message is told as advice, without a word about the provider.
func TestAdviceIsShown(t *testing.T) {
	for to, wants := range map[string]map[receipt.Advice]string{
		"Email:c1": {receipt.LookAgain: "reached your mailbox", receipt.FreeInbox: "mailbox did not accept", receipt.CheckDestination: "misspelled"},
		"SMS:c2": {receipt.LookAgain: "Your phone has taken it", receipt.FreeInbox: "free its inbox, or take a call instead", receipt.TakeCall: "takes no texts",
			receipt.AllowSender: "refuses unknown senders", receipt.AnotherWay: "Choose another way", receipt.CheckDestination: "typing errors"},
		"Voice:c2": {receipt.LookAgain: "voicemail", receipt.AnswerCall: "Nobody picked up"},
	} {
		v := waiting(t, to)
		for advice, want := range wants {
			v.desk.Advice = advice
			contains(t, text(t, v.get("/unblock/code")), want)
			contains(t, v.noCode(), want)
		}
	}
	v := waiting(t, "SMS:c2", func(o *flow.Overview) { o.Destinations = o.Destinations[:2] })
	for _, advice := range []receipt.Advice{receipt.FreeInbox, receipt.TakeCall} {
		v.desk.Advice = advice
		page := v.noCode()
		lacks(t, page, "a call instead")
		contains(t, page, "hoose another way")
	}
}

// seed 49: whom the pages cannot help is sent on.
func TestHelpContactsAreShown(t *testing.T) {
	v := waiting(t, "Email:c1")
	v.desk.Block.Help = flow.Help{Email: "help@harbour.example", Phone: "+49 (30) 123-456"}
	contains(t, v.noCode(), "Ask the people who run Harbour Shop for help", `href="mailto:help@harbour.example"`, `href="tel:&#43;4930123456"`, "&#43;49 (30) 123-456")
	account := decode[web.Account](t, v.get("/v1/account"))
	if account.HelpEmail != "help@harbour.example" || account.HelpPhone != "+49 (30) 123-456" || account.HelpURL != "" {
		t.Errorf("help %+v", account)
	}
}

// seed 6: the same as JSON; a call to the number that was entered is asked for by its
// channel alone.
func TestJSONAlternatives(t *testing.T) {
	v := opened(t)
	v.desk.Ways = flow.Overview{EnterNumber: true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE"}}
	r := expect(t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","channel":"SMS","address":"0170 1234567","country":"DE"}`), http.StatusAccepted)
	c := decode[web.Challenge](t, r)
	want := []web.Destination{{Channel: contact.Voice, Hint: "•••• 67"}}
	if diff := cmp.Diff(want, c.Alternatives); diff != "" || !c.Repeatable {
		t.Fatalf("alternatives (-want +got):\n%s", diff)
	}
	body := text(t, v.get("/v1/account"))
	contains(t, body, `"countries":["DE"]`, `"alternatives":[{"channel":"Voice","hint":"•••• 67"}]`)
	c = decode[web.Challenge](t, expect(t, v.json("POST", "/v1/challenges/"+c.ID+"/resend", `{"channel":"Voice"}`), http.StatusAccepted))
	if c.Channel != contact.Voice || c.Hint != "•••• 67" {
		t.Errorf("resent %+v", c)
	}
	contains(t, v.noCode(), "Use a different phone number", `href="/unblock/contact?number"`, "all its digits, in the right order, and the right country")
}

// Countries that no provider reaches are not offered; the probable one stands first.
func TestCountriesAreNarrowed(t *testing.T) {
	countries := []web.Country{{ISO: "AT", Name: "Austria", CallingCode: 43}, {ISO: "DE", Name: "Germany", CallingCode: 49},
		{ISO: "JP", Name: "Japan", CallingCode: 81}, {ISO: "US", Name: "United States", CallingCode: 1}}
	for _, c := range []struct {
		name, languages string
		reached         []string
		want            string
		selected        string
	}{
		{"named by the browser", "de-AT, en-US;q=0.5", []string{"AT", "DE", "JP"}, "AT DE JP", "AT"},
		{"named, though not by the first language", "fr-FR, de-DE;q=0.5", []string{"AT", "DE", "JP"}, "DE AT JP", "DE"},
		{"where the language is at home, not preselected", "ja", []string{"AT", "DE", "JP"}, "JP AT DE", ""},
		{"unreached", "fr-FR", []string{"AT", "DE"}, "AT DE", ""},
		{"no languages", "", []string{"DE", "US"}, "DE US", ""},
		{"nonsense", ";;;=", []string{"DE", "US"}, "DE US", ""},
		{"the only one", "fr-FR", []string{"DE"}, "DE", "DE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := opened(t, func(config *web.Config) { config.Countries = countries })
			v.desk.Ways = flow.Overview{EnterNumber: true, Channels: []contact.Channel{contact.SMS}, Countries: c.reached}
			page := text(t, v.do("GET", "/unblock/contact", "", "Accept-Language", c.languages))
			var listed []string
			for _, option := range strings.Split(page, `<option value="`)[2:] {
				listed = append(listed, option[:2])
				if strings.Contains(option[:14], "selected") != (option[:2] == c.selected) {
					t.Errorf("%q selected? want %q", option[:14], c.selected)
				}
			}
			if got := strings.Join(listed, " "); got != c.want {
				t.Errorf("offered %q, want %q", got, c.want)
			}
			if c.selected == "DE" {
				contains(t, page, "Germany (+49) 🇩🇪")
			}
		})
	}
}

// seed 7, 20, 55: each refused number is told why, at its field.
func TestRefusedNumbersSayWhy(t *testing.T) {
	v := opened(t)
	v.desk.Ways = flow.Overview{EnterNumber: true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE", "FR"}}
	for err, want := range map[error]string{
		rules.Refuse(rules.VoIP):     "It is an internet (VoIP) number.",
		rules.Refuse(rules.Landline): "It is a landline, which takes no text; choose a call.",
		&rules.RefusalError{Err: rules.ErrNoRoute, Reason: rules.NoTexts}: "Numbers of this country get no texts from here; choose a call.",
	} {
		v.desk.Fail["RequestCode"] = err
		page := text(t, expect(t, v.post("/unblock/contact", "number", "030 1234", "channel", "SMS", "country", "DE"), 422))
		contains(t, page, want, `href="#number"`, `aria-invalid="true"`, `value="030 1234"`, `value="DE" selected`)
	}
	v.desk.Fail["RequestCode"] = rules.Refuse(rules.Pager)
	for want, channels := range map[string][]contact.Channel{
		"by automated call to landlines too": {contact.SMS, contact.Voice}, "phones, by text message.": {contact.SMS}, "landlines, by automated call": {contact.Voice},
	} {
		v.desk.Ways.Channels = channels
		contains(t, text(t, v.post("/unblock/contact", "number", "030 1234", "channel", string(channels[0]), "country", "DE")), want)
	}
}

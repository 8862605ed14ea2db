package inbox

import (
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const ada = "+4915112345678"

// kept is the one Secret of a test.
type kept map[string][]byte

func (k kept) Secret(string, string) (map[string][]byte, error) { return k, nil }

// dispatcher speaks to the inbox as Holdfast does; pairs change keys of its Secret.
func dispatcher(t *testing.T, pageURL, kind string, pairs ...string) (*deliver.Dispatcher, policy.Provider) {
	t.Helper()
	data := map[string]map[string][]byte{
		"Webhook": {"url": []byte(pageURL + "/webhook"), "secret": []byte(credentials.WebhookSecret)},
		"Twilio": {
			"endpoint": []byte(pageURL), "accountSid": []byte(credentials.TwilioAccount),
			"authToken": []byte(credentials.TwilioToken), "from": []byte("+15005550006"),
		},
	}[kind]
	data = maps.Clone(data)
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = []byte(pairs[i+1])
	}
	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*"})
	if err != nil {
		t.Fatal(err)
	}
	d := deliver.New(kept(data), allow, deliver.Options{Now: time.Now})
	t.Cleanup(d.Close)
	return d, policy.Provider{Name: "p", Type: kind, Secret: "s"}
}

func rendered(channel contact.Channel, to string) message.Rendered {
	return message.Rendered{
		ID: "m-1", Channel: channel, From: "shop@example.test", FromName: "Shop", To: to, Language: "en",
		Text: "Your code: 123456 & <more>",
	}
}

// The real providers reach the inbox, and the person finds what was sent.
func TestKeepsWhatRealProvidersSend(t *testing.T) {
	for name, test := range map[string]struct {
		kind    string
		channel contact.Channel
		to      string
		from    string
	}{
		"a text by webhook": {"Webhook", contact.SMS, ada, "Shop"},
		"a call by webhook": {"Webhook", contact.Voice, ada, "Shop"},
		"a mail by webhook": {"Webhook", contact.Email, "ada@example.test", "shop@example.test"},
		"a text by Twilio":  {"Twilio", contact.SMS, ada, "+15005550006"},
		"a call by Twilio":  {"Twilio", contact.Voice, ada, "+15005550006"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, pages := open(t, t.TempDir())
			d, p := dispatcher(t, pages.URL, test.kind)
			if err := d.Check(t.Context(), "shop", p); err != nil || len(messages(t, pages, "")) != 0 {
				t.Fatalf("check: %v", err)
			}
			if err := d.Send(t.Context(), "shop", p, rendered(test.channel, test.to)); err != nil {
				t.Fatal(err)
			}
			want := []Message{{
				Channel: string(test.channel), To: test.to, From: test.from, Text: "Your code: 123456 & <more>", ReceivedAt: noon,
			}}
			if diff := cmp.Diff(want, messages(t, pages, test.to)); diff != "" {
				t.Error(diff)
			}
			response, err := pages.Client().Get(pages.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			page, err := io.ReadAll(response.Body)
			if err != nil || !strings.Contains(string(page), "<dd>"+string(test.channel)+"</dd>") || !strings.Contains(string(page), "123456") {
				t.Errorf("the page shows no message: %v\n%s", err, page)
			}
		})
	}
}

func TestACopyOfAWebhookIsDropped(t *testing.T) {
	_, _, pages := open(t, t.TempDir())
	d, p := dispatcher(t, pages.URL, "Webhook")
	for range 2 {
		if err := d.Send(t.Context(), "shop", p, rendered(contact.SMS, ada)); err != nil {
			t.Fatal(err)
		}
	}
	if got := messages(t, pages, ada); len(got) != 1 {
		t.Errorf("%d copies, want one", len(got))
	}
}

func TestRefusesProvidersThatAreNotProven(t *testing.T) {
	for name, test := range map[string]struct {
		kind, key, value string
		class            message.ErrorClass
	}{
		"another signature": {"Webhook", "secret", "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("z", 32))), message.Misconfigured},
		"another token":     {"Twilio", "authToken", "wronghorse", message.Misconfigured},
		"another account":   {"Twilio", "accountSid", "AC" + strings.Repeat("1", 32), message.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, pages := open(t, t.TempDir())
			d, p := dispatcher(t, pages.URL, test.kind, test.key, test.value)
			for _, err := range []error{d.Check(t.Context(), "shop", p), d.Send(t.Context(), "shop", p, rendered(contact.SMS, ada))} {
				var e *message.Error
				if !errors.As(err, &e) || e.Class != test.class || e.Step != "auth" {
					t.Errorf("got %v", err)
				}
			}
			if got := messages(t, pages, ""); len(got) != 0 {
				t.Errorf("kept %v", got)
			}
		})
	}
}

// An inbox that was given no credentials takes nothing, also not empty ones.
func TestNoCredentialsTakeNothing(t *testing.T) {
	mailOnly := credentials
	mailOnly.WebhookSecret, mailOnly.TwilioAccount, mailOnly.TwilioToken = "", "", ""
	i := &Inbox{credentials: mailOnly, now: func() time.Time { return noon }}
	for _, path := range []string{"/webhook", "/2010-04-01/Accounts/x/Messages.json"} {
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		request.SetBasicAuth("", "")
		w := httptest.NewRecorder()
		i.Handler().ServeHTTP(w, request)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

package mail_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"net/smtp"
	"net/textproto"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/util/cert"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	tenant = "shop"
	sender = "accounts@shop.example"
)

var provider = policy.Provider{Name: "mail", Type: "SMTP", Secret: "smtp", Channels: []contact.Channel{contact.Email}}

// modes are the ways to encrypt; each names its port's service.
var modes = map[string]string{"submission": "starttls", "smtps": "implicit"}

// secrets is the one provider Secret; change replaces it, as a rotation does.
type secrets struct{ data map[string][]byte }

func (s *secrets) Secret(string, string) (map[string][]byte, error) { return s.data, nil }

func (s *secrets) change(key string, value []byte) {
	s.data = maps.Clone(s.data)
	s.data[key] = value
}

func secretFor(mode string) *secrets {
	port := server.STARTTLSPort
	if mode == "implicit" {
		port = server.ImplicitPort
	}
	return &secrets{map[string][]byte{
		"host": []byte("localhost"), "port": []byte(port), "tls": []byte(mode), "ca": server.ca,
		"username": []byte(username), "password": []byte(password),
	}}
}

func newDispatcher(t *testing.T, s deliver.Secrets, now func() time.Time) *deliver.Dispatcher {
	t.Helper()
	endpoints, err := deliver.ParsePatterns([]string{"localhost:*"})
	if err != nil {
		t.Fatal(err)
	}
	d := deliver.New(s, endpoints, deliver.Options{Now: now})
	t.Cleanup(d.Close)
	return d
}

func rendered(mailbox string) message.Rendered {
	return message.Rendered{
		ID: "m-" + mailbox, Channel: contact.Email, From: sender, FromName: "Shop", To: mailbox + "@" + domain,
		Subject: "Greetings", Text: "Hello.", HTML: "<p>Hello.</p>", Language: "en",
	}
}

// failed compares an error's class and step.
func failed(t *testing.T, err error, class message.ErrorClass, step string) {
	t.Helper()
	var got *message.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want %s at %s", err, class, step)
	}
	if diff := cmp.Diff(&message.Error{Class: class, Provider: provider.Name, Step: step}, got); diff != "" {
		t.Error(diff)
	}
}

// unreachable wants nobody to answer: at a port that was just given up another program of
// this machine may listen, which greets nobody.
func unreachable(t *testing.T, err error) {
	t.Helper()
	var got *message.Error
	if !errors.As(err, &got) || got.Class != message.Unreachable || got.Step != "dial" && got.Step != "greeting" {
		t.Errorf("got %v, want %s at dial or greeting", err, message.Unreachable)
	}
}

// The other tests prove nothing if the server lets everybody in.
func TestServerInsistsOnTLSAndAuthentication(t *testing.T) {
	client, err := smtp.Dial(net.JoinHostPort("localhost", server.STARTTLSPort))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	refuse := func(err error, code int) {
		t.Helper()
		var reply *textproto.Error
		if !errors.As(err, &reply) || reply.Code != code {
			t.Errorf("got %v, want a reply %d", err, code)
		}
	}
	refuse(client.Mail(sender), 530)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.ca)
	if err := client.StartTLS(&tls.Config{RootCAs: roots, ServerName: "localhost"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Mail(sender); err != nil {
		t.Fatal(err)
	}
	refuse(client.Rcpt("submission@"+domain), 554)
}

func TestDispatcherDelivers(t *testing.T) {
	for mailbox, mode := range modes {
		t.Run(mailbox, func(t *testing.T) {
			d := newDispatcher(t, secretFor(mode), time.Now)
			if err := d.Check(t.Context(), tenant, provider); err != nil {
				t.Fatal(err)
			}
			if err := d.Send(t.Context(), tenant, provider, rendered(mailbox)); err != nil {
				t.Fatal(err)
			}
			if got := arrived(t, mailbox).parts["text/plain"]; got != "Hello." {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What is wrong with a provider shows before a message is sent and while it is.
func TestDispatcherNamesWhatIsMisconfigured(t *testing.T) {
	stranger, _, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	type wrong struct {
		mode, key string
		value     []byte
		step      string
	}
	tests := map[string]wrong{
		"no encryption": {"starttls", "tls", []byte("none"), "auth"}, // which is not offered then
		"TLS too early": {"starttls", "tls", []byte("implicit"), "tls"},
	}
	for service, mode := range modes {
		tests[service+", wrong password"] = wrong{mode, "password", []byte("wrong"), "auth"}
		tests[service+", unknown user"] = wrong{mode, "username", []byte("nobody"), "auth"}
		tests[service+", unknown CA"] = wrong{mode, "ca", stranger, "tls"}
		tests[service+", another name"] = wrong{mode, "serverName", []byte("mx.example"), "tls"}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := secretFor(test.mode)
			s.change(test.key, test.value)
			d := newDispatcher(t, s, time.Now)
			failed(t, d.Check(t.Context(), tenant, provider), message.Misconfigured, test.step)
			failed(t, d.Send(t.Context(), tenant, provider, rendered("submission")), message.Misconfigured, test.step)
		})
	}
}

func TestDispatcherUsesTheRotatedPassword(t *testing.T) {
	s := secretFor("starttls")
	s.change("password", []byte("wrong"))
	d := newDispatcher(t, s, time.Now)
	failed(t, d.Send(t.Context(), tenant, provider, rendered("rotated")), message.Misconfigured, "auth")
	s.change("password", []byte(password))
	if err := d.Send(t.Context(), tenant, provider, rendered("rotated")); err != nil {
		t.Fatal(err)
	}
	arrived(t, "rotated")
}

func TestDispatcherTellsRefusalsApart(t *testing.T) {
	d := newDispatcher(t, secretFor("starttls"), time.Now)
	failed(t, d.Send(t.Context(), tenant, provider, rendered("nobody")), message.Rejected, "send")
	server.greylist.listed.Store("greylisted@"+domain, true)
	defer server.greylist.listed.Clear()
	failed(t, d.Send(t.Context(), tenant, provider, rendered("greylisted")), message.Temporary, "send")
	server.whileStopped(t, func() {
		unreachable(t, d.Check(t.Context(), tenant, provider))
		unreachable(t, d.Send(t.Context(), tenant, provider, rendered("outage")))
	})
	if err := d.Check(t.Context(), tenant, provider); err != nil {
		t.Errorf("started again: %v", err)
	}
}

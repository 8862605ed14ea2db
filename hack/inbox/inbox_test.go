package inbox

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"
)

var (
	noon        = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	credentials = Credentials{
		Username: "holdfast", Password: "right",
		WebhookSecret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32))),
		TwilioAccount: "AC" + strings.Repeat("0", 32), TwilioToken: "correcthorse",
	}
)

// open starts an inbox on free ports and returns its SMTP port and page.
func open(t *testing.T, dir string) (inbox *Inbox, smtpPort int, pages *httptest.Server) {
	t.Helper()
	inbox, err := New(dir, credentials, log.New(io.Discard, "", 0), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- inbox.ServeSMTP(t.Context(), listener) }()
	pages = httptest.NewServer(inbox.Handler())
	t.Cleanup(func() {
		pages.Close()
		if err := <-served; err != nil {
			t.Errorf("ServeSMTP: %v", err)
		}
		if err := inbox.Close(); err != nil {
			t.Error(err)
		}
	})
	return inbox, listener.Addr().(*net.TCPAddr).Port, pages
}

func client(t *testing.T, inbox *Inbox, port int, options ...mail.Option) *mail.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(inbox.CA) {
		t.Fatal("CA is no PEM certificate")
	}
	options = append([]mail.Option{
		mail.WithPort(port), mail.WithTLSPolicy(mail.TLSMandatory),
		mail.WithTLSConfig(&tls.Config{RootCAs: roots, ServerName: "localhost"}),
		mail.WithSMTPAuth(mail.SMTPAuthPlain),
		mail.WithUsername(credentials.Username), mail.WithPassword(credentials.Password),
	}, options...)
	c, err := mail.NewClient("127.0.0.1", options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func letter(t *testing.T, to, subject, text, html string) *mail.Msg {
	t.Helper()
	m := mail.NewMsg()
	if err := m.FromFormat("Café Shop", "shop@example.test"); err != nil {
		t.Fatal(err)
	}
	if err := m.To(to); err != nil {
		t.Fatal(err)
	}
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, text)
	if html != "" {
		m.AddAlternativeString(mail.TypeTextHTML, html)
	}
	return m
}

func messages(t *testing.T, pages *httptest.Server, to string) []Message {
	t.Helper()
	response, err := pages.Client().Get(pages.URL + "/api/messages?to=" + to)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list []Message
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestKeepsMailSentByARealClient(t *testing.T) {
	for _, auth := range []mail.SMTPAuthType{mail.SMTPAuthPlain, mail.SMTPAuthLogin} {
		t.Run(string(auth), func(t *testing.T) {
			inbox, port, pages := open(t, t.TempDir())
			m := letter(t, "ada@example.test", "Dein Code für später", "Grüße: 123456", "<p>Grüße: <b>123456</b></p>")
			if err := client(t, inbox, port, mail.WithSMTPAuth(auth)).DialAndSend(m); err != nil {
				t.Fatal(err)
			}
			want := []Message{{
				Channel: "Email", To: "ada@example.test", From: "Café Shop <shop@example.test>", Subject: "Dein Code für später",
				Text: "Grüße: 123456", HTML: "<p>Grüße: <b>123456</b></p>", ReceivedAt: noon,
			}}
			if diff := cmp.Diff(want, messages(t, pages, "ADA@example.test")); diff != "" {
				t.Error(diff)
			}
			if others := messages(t, pages, "grace@example.test"); len(others) != 0 {
				t.Errorf("grace has ada's mail: %v", others)
			}
		})
	}
}

func TestRefusesWhoIsNotProven(t *testing.T) {
	inbox, port, pages := open(t, t.TempDir())
	m := letter(t, "ada@example.test", "s", "t", "")
	refused := map[string]*mail.Client{
		"wrong password": client(t, inbox, port, mail.WithPassword("wrong")),
		"no password":    client(t, inbox, port, mail.WithSMTPAuth(mail.SMTPAuthNoAuth)),
		"no TLS": client(t, inbox, port, mail.WithTLSPolicy(mail.NoTLS), mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc),
			mail.WithTimeout(5*time.Second)),
	}
	for name, c := range refused {
		if err := c.DialAndSend(m); err == nil {
			t.Errorf("%s: mail was taken", name)
		}
	}
	if got := messages(t, pages, ""); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

func TestSecondRunFindsMailNewestFirst(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "messages.jsonl")
	box, err := OpenMailbox(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range keep + 2 {
		if err := box.Add(Message{To: "ada@example.test", ReceivedAt: noon.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"to":"cut sho`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}

	inbox, port, pages := open(t, dir)
	if err := client(t, inbox, port).DialAndSend(letter(t, "ada@example.test", "last", "t", "")); err != nil {
		t.Fatal(err)
	}
	list := messages(t, pages, "ada@example.test")
	if len(list) != keep || list[0].Subject != "last" || !list[1].ReceivedAt.Equal(noon.Add((keep+1)*time.Second)) {
		t.Errorf("got %d messages, first %v, second %v", len(list), list[0], list[1])
	}
}

func TestPageEscapesMail(t *testing.T) {
	inbox, port, pages := open(t, t.TempDir())
	m := letter(t, "ada@example.test", "<script>s()</script>", "<script>t()</script>", `<p>"hi"</p><script>h()</script>`)
	if err := client(t, inbox, port).DialAndSend(m); err != nil {
		t.Fatal(err)
	}
	response, err := pages.Client().Get(pages.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || strings.Contains(string(body), "<script") {
		t.Errorf("status %d, page runs scripts of mail:\n%s", response.StatusCode, body)
	}
	for _, want := range []string{`<iframe sandbox srcdoc="`, "&lt;script&gt;t()"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("page misses %q", want)
		}
	}
}

func TestParseRefusesNestedMail(t *testing.T) {
	raw := "Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
	for i := range maxDepth + 2 {
		n := string(rune('0' + i))
		next := string(rune('1' + i))
		raw += "--b" + n + "\r\nContent-Type: multipart/mixed; boundary=b" + next + "\r\n\r\n"
	}
	if _, err := Parse([]byte(raw)); err == nil {
		t.Error("endless nesting was read")
	}
}

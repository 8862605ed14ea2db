package deliver_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/message"
)

func only(t *testing.T, m *mailServer) (mail, *netmail.Message) {
	t.Helper()
	mails := m.taken()
	if len(mails) != 1 {
		t.Fatalf("%d mails arrived, want 1", len(mails))
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(mails[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	return mails[0], parsed
}

func TestMailIsWellFormed(t *testing.T) {
	server := startMail(t, "starttls")
	c := newClient(t, server.Data(), deliver.Options{})
	c.expect(c.send(func(m *message.Rendered) {
		m.FromName, m.Subject, m.Text = "Käse & Söhne", "Käse: Konto entsperren", "Grüße\n\n482913\n"
	}), "", "")
	raw, parsed := only(t, server)
	decode := func(name string) string {
		s, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get(name))
		if err != nil {
			t.Errorf("header %s: %v", name, err)
		}
		return s
	}
	want := map[string]string{
		"Subject": "Käse: Konto entsperren", "To": "<ada@good.example>",
		"Message-Id":     "<0198c0de-0000-7000-8000-000000000001@shop.example>",
		"Auto-Submitted": "auto-generated", "Date": "Sat, 14 Mar 2026 15:09:26 +0000",
		"Content-Language": "en", "List-Unsubscribe": "",
	}
	for name, value := range want {
		if got := decode(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	if from := decode("From"); !strings.Contains(from, "Käse & Söhne") || !strings.Contains(from, "<accounts@shop.example>") {
		t.Errorf("From: %q", from)
	}
	if raw.from != "accounts@shop.example" || raw.utf8 {
		t.Errorf("envelope %+v, want the sender and no SMTPUTF8", raw)
	}
	text, html := parts(t, parsed)
	if text != "Grüße\r\n\r\n482913\r\n" || !strings.Contains(html, "<b>482913</b>") {
		t.Errorf("text %q, html %q", text, html)
	}
}

func parts(t *testing.T, m *netmail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	reader := multipart.NewReader(m.Body, params["boundary"])
	var contents []string
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(b))
	}
	if len(contents) != 2 {
		t.Fatalf("%d parts, want text and HTML", len(contents))
	}
	return contents[0], contents[1]
}

func TestInternationalAddresses(t *testing.T) {
	server := startMail(t, "starttls")
	c := newClient(t, server.Data(), deliver.Options{})
	c.expect(c.send(func(m *message.Rendered) { m.To = "jürgen@bücher.example" }), "", "")
	mail, _ := only(t, server)
	if mail.to != "jürgen@xn--bcher-kva.example" || !mail.utf8 {
		t.Errorf("got %+v, want SMTPUTF8 and an ASCII domain", mail)
	}
	old := startMail(t, "starttls", func(m *mailServer) { m.server.EnableSMTPUTF8 = false })
	c = newClient(t, old.Data(), deliver.Options{})
	c.expect(c.send(func(m *message.Rendered) { m.To = "jürgen@bücher.example" }), message.Rejected, "send")
	c.expect(c.send(func(m *message.Rendered) { m.To = "juergen@bücher.example" }), "", "")
}

func TestNothingWritesHeadersOfItsOwn(t *testing.T) {
	evil := "x\r\nBcc: eve@evil.example\r\n\r\nbody"
	cases := map[string]struct {
		change func(*message.Rendered)
		class  message.ErrorClass
		step   string
	}{
		"address":         {func(m *message.Rendered) { m.To = "ada@good.example\r\nBcc: eve@evil.example" }, message.Rejected, "address"},
		"address list":    {func(m *message.Rendered) { m.To = "ada@good.example, eve@evil.example" }, message.Rejected, "address"},
		"command":         {func(m *message.Rendered) { m.To = "ada@good.example>\r\nRCPT TO:<eve@evil.example" }, message.Rejected, "address"},
		"named address":   {func(m *message.Rendered) { m.To = "Eve <ada@good.example>" }, message.Rejected, "address"},
		"no address":      {func(m *message.Rendered) { m.To = "+441632960000" }, message.Rejected, "address"},
		"sender":          {func(m *message.Rendered) { m.From = "a@shop.example\nBcc: eve@evil.example" }, message.Misconfigured, "sender"},
		"no sender":       {func(m *message.Rendered) { m.From = "" }, message.Misconfigured, "sender"},
		"subject":         {func(m *message.Rendered) { m.Subject = evil }, "", ""},
		"product name":    {func(m *message.Rendered) { m.FromName = evil }, "", ""},
		"quoted name":     {func(m *message.Rendered) { m.FromName = `" <eve@evil.example>, "` }, "", ""},
		"message ID":      {func(m *message.Rendered) { m.ID = evil }, "", ""},
		"language":        {func(m *message.Rendered) { m.Language = evil }, "", ""},
		"end of the data": {func(m *message.Rendered) { m.Text = "a\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n" }, "", ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, "starttls")
			c := newClient(t, server.Data(), deliver.Options{})
			c.expect(c.send(test.change), test.class, test.step)
			if test.class != "" {
				if n := len(server.taken()); n != 0 {
					t.Errorf("%d mails arrived, want none", n)
				}
				return
			}
			mail, parsed := only(t, server)
			if parsed.Header.Get("Bcc") != "" || mail.to != "ada@good.example" {
				t.Errorf("injected: %+v", mail)
			}
			from, err := netmail.ParseAddressList(parsed.Header.Get("From"))
			if err != nil || len(from) != 1 || from[0].Address != "accounts@shop.example" {
				t.Errorf("From %v: %v", from, err)
			}
			if html := mail.raw; !strings.Contains(html, "482913") {
				t.Error("the body was cut off")
			}
		})
	}
}

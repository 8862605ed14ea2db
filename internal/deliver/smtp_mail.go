package deliver

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"holdfast.dev/holdfast/internal/rules/message"
)

// composed is a mail ready for the wire: envelope addresses in angle brackets
// and the whole content.
type composed struct {
	from, to string
	// needsUTF8 means that an address has letters outside ASCII before the @.
	needsUTF8 bool
	content   []byte
	// handOver is called before the mail can no longer be taken back; nil for nothing.
	handOver func() error
}

// compose writes the mail. Nothing of it can start a header line of its own:
// addresses are parsed and written anew, texts lose their control characters.
func compose(m message.Rendered, now time.Time) (composed, error) {
	from, domain, ok := address(m.From)
	if !ok {
		return composed{}, failure(message.Misconfigured, "sender")
	}
	to, _, ok := address(m.To)
	if !ok {
		return composed{}, failure(message.Rejected, "address")
	}
	from.Name = oneLine(m.FromName)
	mail := header(m, from, to, domain, now)
	mail.SetBodyString("text/plain", m.Text)
	if m.HTML != "" {
		mail.AddAlternativeString("text/html", m.HTML)
	}
	var content bytes.Buffer
	if _, err := mail.WriteTo(&content); err != nil {
		return composed{}, failure(message.Misconfigured, "compose")
	}
	envelope := netmail.Address{Address: from.Address}
	return composed{
		from: envelope.String(), to: to.String(), content: content.Bytes(),
		needsUTF8: !ascii(from.Address) || !ascii(to.Address), handOver: m.HandOver,
	}, nil
}

func header(m message.Rendered, from, to *netmail.Address, domain string, now time.Time) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.Subject(oneLine(m.Subject))
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(oneLine(m.ID) + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")  // what Exchange reads instead
	if m.Language != "" {
		msg.SetGenHeader("Content-Language", oneLine(m.Language))
	}
	return msg
}

// address reads one bare address; its domain is returned in ASCII, since mail
// servers that know no international names are many.
func address(s string) (parsed *netmail.Address, domain string, ok bool) {
	parsed, err := netmail.ParseAddress(s)
	if err != nil || parsed.Name != "" || strings.ContainsFunc(parsed.Address, unicode.IsControl) {
		return nil, "", false
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	domain, err = idna.Lookup.ToASCII(parsed.Address[at+1:])
	if err != nil || domain == "" {
		return nil, "", false
	}
	parsed.Address = parsed.Address[:at+1] + domain
	return parsed, domain, true
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

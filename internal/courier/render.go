package courier

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net"
	"strings"
	"text/template"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

//go:embed templates/*.tmpl
var files embed.FS

// Every medium is one file; in it a template a message, named Code or after the
// notice.
var (
	subjects = text("subject")
	texts    = text("email")
	sms      = text("sms")
	voice    = text("voice")
	pages    = htmltemplate.Must(htmltemplate.New("html").ParseFS(files, "templates/html.tmpl"))
)

// language is the language of the templates.
const language = "en"

func text(medium string) *template.Template {
	return template.Must(template.New(medium).Option("missingkey=error").ParseFS(files, "templates/"+medium+".tmpl"))
}

// view is what a template may say.
type view struct {
	Product string
	// Code is empty in a notice.
	Code string
	// Purpose completes "to", as in "to unblock your account".
	Purpose string
	// Life is how long the code still lives, in words.
	Life string
	// When is when the message's cause happened, in UTC.
	When string
	// Host is the host of the code's page, without its port.
	Host    string
	HelpURL string
}

// Spaced is the code with pauses for a voice to make.
func (v view) Spaced() string { return strings.Join(strings.Split(v.Code, ""), ", ") }

// render writes a message for its channel. The code is in the body alone (seed 8).
func (c *Courier) render(m message.Message, p policy.Policy, now time.Time) (message.Rendered, error) {
	name, v := m.Notice, view{
		Product: p.Messages.ProductName, HelpURL: p.HelpURL,
		When: m.Created.UTC().Format("2 January 2006, 15:04 UTC"), Host: host(p.Hosts),
	}
	if m.Kind == message.Code {
		name = string(message.Code)
		v.Code, v.Purpose = c.Coder.Code(m.Challenge), purpose(m.Challenge)
		v.Life = life(m.Challenge.Expires.Sub(now))
	}
	r := message.Rendered{
		ID: m.ID, Channel: m.Channel, To: m.Address, Language: language,
		From: p.Messages.Sender, FromName: p.Messages.ProductName,
	}
	var err error
	switch m.Channel {
	case contact.Email:
		err = renderEmail(&r, name, v)
	case contact.SMS:
		r.Text, err = execute(sms, name, v)
	case contact.Voice:
		r.Text, err = execute(voice, name, v)
	default:
		err = fmt.Errorf("channel %s has no templates", m.Channel)
	}
	return r, err
}

func renderEmail(r *message.Rendered, name string, v view) (err error) {
	if r.Text, err = execute(texts, name, v); err != nil {
		return err
	}
	var b bytes.Buffer
	if err = pages.ExecuteTemplate(&b, name, v); err != nil {
		return fmt.Errorf("template html %s: %w", name, err)
	}
	r.HTML = b.String()
	v.Code = "" // a subject shows on locked screens
	r.Subject, err = execute(subjects, name, v)
	return err
}

func execute(t *template.Template, name string, v view) (string, error) {
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, v); err != nil {
		return "", fmt.Errorf("template %s %s: %w", t.Name(), name, err)
	}
	return b.String(), nil
}

// purpose says what a code is for, after the word "to".
func purpose(c code.Challenge) string {
	switch c.Purpose {
	case code.Unblock:
		return "unblock your account"
	case code.AddContact:
		if c.Channel == contact.Email {
			return "add this address to your security info"
		}
		return "add this number to your security info"
	case code.Recheck:
		return "confirm that you can still get codes here"
	case code.Recovery:
		return "recover your account"
	case code.Cancel:
		return "cancel a change of your security info"
	default:
		return "confirm that it is you"
	}
}

// life says how long a code still lives, to the nearest minute: the moment that
// sending took must not make nine minutes of ten.
func life(d time.Duration) string {
	d += 30 * time.Second
	n, unit := max(int(d/time.Minute), 1), "minute"
	if d >= 2*time.Hour {
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// host is the policy's first host without its port: the host to which browsers
// bind the code of an SMS (standards M1).
func host(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	if name, _, err := net.SplitHostPort(hosts[0]); err == nil {
		return name
	}
	return hosts[0]
}

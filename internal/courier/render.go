package courier

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// render writes a message for its channel, in the language that was frozen with its
// contact (seed 40). The code is in the body alone (seed 8).
func (c *Courier) render(m message.Message, p policy.Policy, now time.Time) (message.Rendered, error) {
	name := m.Notice
	if m.Kind == message.Code {
		name = string(message.Code)
	}
	tags, w := words.Choose(m.Language, p.Messages.DefaultLanguage)
	texts := w.Texts(m.Channel, name)
	if len(texts) == 0 {
		return message.Rendered{}, fmt.Errorf("there is no text %q for the channel %s", name, m.Channel)
	}
	r := message.Rendered{
		ID: m.ID, Channel: m.Channel, To: m.Address, Language: tags[len(tags)-1],
		From: p.Messages.Sender, FromName: p.Messages.ProductName,
	}
	for _, tag := range tags {
		if own, given := p.Messages.Overrides[message.Slot{Language: tag, Channel: m.Channel, Name: name}]; given {
			if own.Subject == nil {
				own.Subject = texts[0].Subject
			}
			r.Language, texts = tag, []message.Text{own}
			break
		}
	}
	v := values(m, p, w, now)
	if m.Kind == message.Code {
		v[message.FieldCode] = c.Coder.Code(m.Challenge)
	}
	var err error
	if v[message.FieldNotMeURL], err = c.notMe(m, p); err != nil {
		return r, err
	}
	switch m.Channel {
	case contact.SMS:
		r.Text = sms(texts, v, host(p.Hosts))
	case contact.Voice:
		v[message.FieldCode] = pairs(v[message.FieldCode])
		r.Text = texts[0].Body.Fill(v)
	default:
		err = mail(&r, texts[0], v)
	}
	if err == nil && strings.TrimSpace(r.Text) == "" {
		return r, fmt.Errorf("the text %q for the channel %s says nothing: all that it names is missing", name, m.Channel)
	}
	return r, err
}

// values are what texts may say, but for the code and the link.
func values(m message.Message, p policy.Policy, w *words.Words, now time.Time) message.Values {
	v := message.Values{
		message.FieldProduct: p.Messages.ProductName,
		message.FieldHelpURL: p.HelpURL,
		message.FieldWhen:    w.When(m.Created),
	}
	if m.Kind == message.Code {
		left := m.Challenge.Expires.Sub(now)
		v[message.FieldPurpose] = w.Purpose(m.Challenge)
		v[message.FieldLife] = w.Life(left)
		v[message.FieldMinutes] = strconv.Itoa(words.Minutes(left))
		v[message.FieldWarning] = w.Warning(m.Channel)
		return v
	}
	v[message.FieldUntil] = w.Until(m.Channel, m.About.Until)
	if !m.About.Until.IsZero() {
		v[message.FieldLeft] = w.Left(m.About.Until.Sub(now))
	}
	v[message.FieldAdded] = strings.Join(m.About.Added, ", ")
	v[message.FieldRemoved] = strings.Join(m.About.Removed, ", ")
	v[message.FieldContact] = m.About.Contact
	v[message.FieldMeanwhile] = w.Meanwhile(m.About.Restricted)
	v[message.FieldDecision] = w.Decision(m.About.Decision)
	return v
}

// notMe is the link "this wasn't me": of a mail with a code (seed 41), or of a notice of a
// hold, in an SMS too, since nothing else tells its reader how to cancel (law 8). An SMS
// with a code carries none, for it would cost two segments more, and nobody types what a
// voice spells.
func (c *Courier) notMe(m message.Message, p policy.Policy) (string, error) {
	switch {
	case m.Channel == contact.Voice:
		return "", nil
	case m.Kind == message.Notice:
		if !message.Cancels(m.Notice) || m.About.Brought || c.NoticeURL == nil {
			return "", nil
		}
		return c.NoticeURL(p, m.ID), nil
	case m.Channel != contact.Email || c.NotMe == nil:
		return "", nil
	}
	link, err := c.NotMe(m.Challenge, p)
	if err != nil {
		return "", fmt.Errorf("make the link to report the code of challenge %s: %w", m.Challenge.ID, err)
	}
	return link, nil
}

// pairs is a code as a voice says it: digit by digit, with a pause after each two.
func pairs(code string) string {
	var b strings.Builder
	for i, digit := range code {
		switch {
		case i == 0:
		case i%2 == 0:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
		b.WriteRune(digit)
	}
	return b.String()
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

package inbox

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Message is one message as one person received it.
type Message struct {
	// Channel is Email, SMS, Voice or App.
	Channel string `json:"channel"`
	To      string `json:"to"`
	From    string `json:"from"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
	// ReceivedAt is in UTC.
	ReceivedAt time.Time `json:"receivedAt"`
}

// maxDepth bounds multiparts within multiparts.
const maxDepth = 8

// Parse reads an RFC 5322 message. To and ReceivedAt stay empty: the envelope
// says to whom it goes.
func Parse(raw []byte) (Message, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("message has no readable header: %w", err)
	}
	m := Message{
		Channel: "Email",
		From:    sender(parsed.Header.Get("From")),
		Subject: decodeHeader(parsed.Header.Get("Subject")),
	}
	err = m.readPart(parsed.Header.Get, parsed.Body, 0)
	return m, err
}

// readPart keeps the first text/plain and the first text/html part that it meets.
func (m *Message) readPart(header func(string) string, body io.Reader, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("message nests more than %d multiparts", maxDepth)
	}
	mediaType, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		mediaType = "text/plain"
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		return m.readParts(multipart.NewReader(body, params["boundary"]), depth)
	}
	content, err := io.ReadAll(decodeBody(header("Content-Transfer-Encoding"), body))
	if err != nil {
		return fmt.Errorf("read %s part: %w", mediaType, err)
	}
	text := strings.ReplaceAll(strings.ToValidUTF8(string(content), "\uFFFD"), "\r\n", "\n")
	switch {
	case mediaType == "text/plain" && m.Text == "":
		m.Text = text
	case mediaType == "text/html" && m.HTML == "":
		m.HTML = text
	}
	return nil
}

func (m *Message) readParts(parts *multipart.Reader, depth int) error {
	for {
		// Raw, since NextPart decodes quoted-printable and drops the header that says so.
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read multipart: %w", err)
		}
		if err := m.readPart(part.Header.Get, part, depth+1); err != nil {
			return err
		}
	}
}

func decodeBody(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	default:
		return body
	}
}

// sender is the bare address, or the name and the address where it has a name.
func sender(from string) string {
	address, err := mail.ParseAddress(from)
	switch {
	case err != nil:
		return decodeHeader(from)
	case address.Name == "":
		return address.Address
	default:
		return fmt.Sprintf("%s <%s>", address.Name, address.Address)
	}
}

// decodeHeader reads encoded words; what cannot be read is shown as it came.
func decodeHeader(value string) string {
	decoded, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil {
		return value
	}
	return decoded
}

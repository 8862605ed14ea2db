package mail_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// received is one mail of a Maildir.
type received struct {
	raw    []byte
	header mail.Header
	// parts by content type, decoded.
	parts map[string]string
}

// arrived waits for mail in a mailbox and for the queue to be empty; then there must
// be exactly one.
func arrived(t *testing.T, mailbox string) received {
	t.Helper()
	var files []string
	await(t, "mail in the mailbox "+mailbox, func() (some bool) {
		files = inMailbox(t, mailbox)
		return len(files) > 0
	})
	await(t, "an empty queue", func() bool { return queue(t) == "" })
	if files = inMailbox(t, mailbox); len(files) != 1 {
		t.Fatalf("%d mails in the mailbox %s, want 1", len(files), mailbox)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, raw)
}

func inMailbox(t *testing.T, mailbox string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(server.Dir, "mail", mailbox, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// queue is what Postfix has taken and not yet delivered.
func queue(t *testing.T) string {
	t.Helper()
	output, err := exec.Command(filepath.Join(filepath.Dir(server.postfix), "postqueue"), "-c", server.postfixConfig(), "-j").CombinedOutput()
	if err != nil {
		t.Fatalf("postqueue: %v\n%s", err, output)
	}
	return string(output)
}

func parse(t *testing.T, raw []byte) received {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q (%v), want multipart/alternative", kind, err)
	}
	r := received{raw: raw, header: m.Header, parts: map[string]string{}}
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		r.parts[kind] = string(content)
	}
}

package inbox

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Inbox takes mail by SMTP, takes webhooks and Twilio's calls by HTTP, tells what became
// of messages where it is asked to, and shows all of it (Handler).
type Inbox struct {
	// CA is the PEM certificate of the authority that signed the server's own.
	CA []byte

	box         *Mailbox
	smtp        *smtp.Server
	credentials Credentials
	taken       seen
	log         *log.Logger
	now         func() time.Time
	// telling are the calls that tell what became of messages.
	telling sync.WaitGroup
}

// New opens the inbox whose messages and certificate are kept in dir.
func New(dir string, credentials Credentials, logger *log.Logger, now func() time.Time) (*Inbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make inbox folder: %w", err)
	}
	certificate, ca, err := loadCertificate(dir)
	if err != nil {
		return nil, err
	}
	box, err := OpenMailbox(filepath.Join(dir, "messages.jsonl"))
	if err != nil {
		return nil, err
	}
	return &Inbox{
		CA: ca, box: box, credentials: credentials, log: logger, now: now,
		smtp: newSMTP(box, credentials, certificate, logger, now),
	}, nil
}

// ServeSMTP takes mail until the context ends.
func (i *Inbox) ServeSMTP(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = i.smtp.Close() })
	defer stop()
	err := i.smtp.Serve(listener)
	if ctx.Err() != nil || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Close waits for what is still to be told and closes the mailbox; call it when nothing is
// served any more.
func (i *Inbox) Close() error {
	i.telling.Wait()
	return i.box.Close()
}

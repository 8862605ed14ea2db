package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// keep is how many messages are remembered; older ones are forgotten.
const keep = 1000

// Mailbox holds messages in memory and in a file of one JSON object a line, so
// that the next run finds them.
type Mailbox struct {
	mu sync.RWMutex
	// messages stand oldest first.
	messages []Message
	file     *os.File
}

// OpenMailbox reads the file, writes back what it keeps and holds it open.
func OpenMailbox(path string) (*Mailbox, error) {
	messages, err := readMessages(path)
	if err != nil {
		return nil, err
	}
	messages = newest(messages)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open mailbox: %w", err)
	}
	box := &Mailbox{messages: messages, file: file}
	for _, m := range messages {
		if err := box.write(m); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return box, nil
}

func readMessages(path string) ([]Message, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read mailbox: %w", err)
	}
	var messages []Message
	for line := range bytes.Lines(content) {
		var m Message
		// A run that was cut short leaves half a line; the others still count.
		if json.Unmarshal(line, &m) == nil {
			messages = append(messages, m)
		}
	}
	return messages, nil
}

// Close closes the file.
func (b *Mailbox) Close() error { return b.file.Close() }

// Add keeps a message; it is in the file when Add returns.
func (b *Mailbox) Add(m Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.write(m); err != nil {
		return err
	}
	b.messages = newest(append(b.messages, m))
	return nil
}

func (b *Mailbox) write(m Message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write mailbox: %w", err)
	}
	return nil
}

// To lists the messages to an address, newest first; all of them where the
// address is empty.
func (b *Mailbox) To(address string) []Message {
	b.mu.RLock()
	defer b.mu.RUnlock()
	found := []Message{}
	for _, m := range slices.Backward(b.messages) {
		if address == "" || strings.EqualFold(m.To, address) {
			found = append(found, m)
		}
	}
	return found
}

func newest(messages []Message) []Message {
	return messages[max(0, len(messages)-keep):]
}

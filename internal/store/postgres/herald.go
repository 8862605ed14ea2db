package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"holdfast.dev/holdfast/internal/store"
)

const (
	// pulse is how often the store looks for what others have committed, though nobody
	// told of it.
	pulse = time.Second
	// listenAgain is the pause before another attempt to listen.
	listenAgain = time.Second
	// listenCheck is how long a connection that hears nothing is taken to be alive.
	listenCheck = 30 * time.Second
)

// everything is told where nobody knows what has happened.
var everything = store.News{Facts: true, Mail: true}

// notify brings news to the other replicas.
const notify = `SELECT pg_notify('holdfast', $1)`

// herald brings the news of this replica's commits to the others, and theirs to it.
// It tells after the commit, in a statement of its own: a notification within the
// transaction would let only one replica commit at a time. What is lost between the
// two is found at the next pulse.
type herald struct {
	connector *connector
	db        *sql.DB
	after     func(time.Duration) <-chan time.Time
	patience  time.Duration

	mu      sync.Mutex
	untold  store.News
	waiting chan struct{}

	// listening is the server's process that listens for this replica; 0 while none does.
	listening atomic.Uint32
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

func newHerald(c *connector, db *sql.DB, o Options) *herald {
	return &herald{connector: c, db: db, after: o.After, patience: o.Patience, waiting: make(chan struct{}, 1)}
}

func (h *herald) start(s *store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.running.Go(func() {
		for again := true; again; again = h.pause(ctx, listenAgain) {
			h.listen(ctx, s)
			h.connector.doubt() // what ended this connection ended others
		}
	})
	h.running.Go(func() {
		for h.pause(ctx, pulse) {
			s.Heard(everything)
		}
	})
	h.running.Go(func() { h.call(ctx) })
}

func (h *herald) stop() error {
	h.cancel()
	h.running.Wait()
	return nil
}

// pause waits; it returns false where ctx ends first.
func (h *herald) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-h.after(d):
		return true
	}
}

// tell hands over news; what is not yet told goes out together with it.
func (h *herald) tell(n store.News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.untold.Facts, h.untold.Mail = h.untold.Facts || n.Facts, h.untold.Mail || n.Mail
	select {
	case h.waiting <- struct{}{}:
	default: // the call that is on its way takes it along
	}
}

func (h *herald) take() store.News {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.untold
	h.untold = store.News{}
	return n
}

// call tells the other replicas. A call that fails is not repeated: they have a pulse.
func (h *herald) call(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.waiting:
		}
		bounded, stop := context.WithTimeout(ctx, h.patience)
		_, _ = h.db.ExecContext(bounded, notify, h.words(h.take()))
		stop()
	}
}

// words are the news with the listener of the replica that tells them, which knows them
// already.
func (h *herald) words(n store.News) string {
	return fmt.Sprintf("%d %t %t", h.listening.Load(), n.Facts, n.Mail)
}

func (h *herald) understand(words string) (n store.News, ok bool) {
	part := strings.Fields(words)
	if len(part) != 3 || part[0] == strconv.FormatUint(uint64(h.listening.Load()), 10) {
		return n, false
	}
	return store.News{Facts: part[1] == "true", Mail: part[2] == "true"}, true
}

// listen hears the others until the connection breaks.
func (h *herald) listen(ctx context.Context, s *store.Store) {
	bounded, stop := context.WithTimeout(ctx, h.patience)
	defer stop()
	conn, err := h.connector.listener(bounded)
	if err != nil {
		return
	}
	defer func() {
		h.listening.Store(0)
		bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), h.patience)
		defer stop()
		_ = conn.Close(bounded)
	}()
	if _, err := conn.Exec(bounded, `LISTEN holdfast`); err != nil {
		return
	}
	h.listening.Store(conn.PgConn().PID())
	s.Heard(everything) // of what was told while nobody listened
	for ctx.Err() == nil {
		quiet, stop := context.WithTimeout(ctx, listenCheck)
		heard, err := conn.WaitForNotification(quiet)
		stop()
		switch {
		case err == nil:
			if n, ok := h.understand(heard.Payload); ok {
				s.Heard(n)
			}
		case ctx.Err() != nil || conn.IsClosed() || h.ping(ctx, conn) != nil:
			return
		}
	}
}

func (h *herald) ping(ctx context.Context, conn interface{ Ping(context.Context) error }) error {
	bounded, stop := context.WithTimeout(ctx, h.patience)
	defer stop()
	return conn.Ping(bounded)
}

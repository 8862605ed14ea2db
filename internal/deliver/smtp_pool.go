package deliver

import (
	"context"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
)

// smtpPool keeps authenticated connections for the next message.
type smtpPool struct {
	dialer      smtpDialer
	idleTimeout time.Duration
	// slots bounds busy connections, and thereby idle ones: a connection is dialled
	// only where none is idle.
	slots chan struct{}

	mu     sync.Mutex
	idle   []idleSession
	closed bool
}

// idleSession expires by itself unless it is claimed.
type idleSession struct {
	*smtpSession
	// claim reports whether the session is the caller's and not expired.
	claim func() bool
}

func newSMTPPool(dialer smtpDialer, options Options) *smtpPool {
	return &smtpPool{
		dialer: dialer, idleTimeout: options.IdleTimeout,
		slots: make(chan struct{}, options.MaxConnections),
	}
}

// take returns the connection used last that still answers, or a new one.
func (p *smtpPool) take(ctx context.Context) (*smtpSession, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, failure(message.Unreachable, "dial")
	}
	for {
		s, ok := p.pop()
		if !ok {
			break
		}
		if s.reset(ctx) == nil && !s.broken {
			return s, nil
		}
		s.quit()
	}
	s, err := p.dialer.dial(ctx)
	if err != nil {
		<-p.slots
	}
	return s, err
}

// give returns a connection that take has handed out.
func (p *smtpPool) give(s *smtpSession) {
	defer func() { <-p.slots }()
	if s.broken || !p.push(s) {
		s.quit()
	}
}

func (p *smtpPool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for {
		s, ok := p.pop()
		if !ok {
			return
		}
		s.quit()
	}
}

// pop claims the connection used last.
func (p *smtpPool) pop() (*smtpSession, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.claim() {
			return last.smtpSession, true
		}
	}
	return nil, false
}

func (p *smtpPool) push(s *smtpSession) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	life, end := context.WithTimeout(context.Background(), p.idleTimeout)
	stop := context.AfterFunc(life, func() { p.expire(s) })
	p.idle = append(p.idle, idleSession{s, func() bool { mine := stop(); end(); return mine }})
	return true
}

// expire ends a connection that nobody claimed in time.
func (p *smtpPool) expire(s *smtpSession) {
	p.mu.Lock()
	for i := range p.idle {
		if p.idle[i].smtpSession == s {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	s.quit()
}

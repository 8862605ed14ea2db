package accountblock

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/epoch"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// losses is a fixture whose store can be backed up, restored and emptied. outside is the
// copy of the store's mark, which replicas keep in the apiserver.
type losses struct {
	*fixture
	path    string
	outside epoch.Mark
}

func newLosses(t *testing.T) *losses {
	t.Helper()
	l := &losses{fixture: newFixture(t), path: filepath.Join(t.TempDir(), "holdfast.db")}
	l.clock.Set(time.Now())
	l.open()
	return l
}

func (l *losses) open() {
	l.Helper()
	s, err := sqlite.Open(l.Context(), l.path, sqlite.Options{Sealer: sealer{}, Now: l.clock.Now})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = s.Close() }) // a second time says nothing
	l.store, l.controller.Store = s, s
	l.beat()
}

func (l *losses) close() {
	l.Helper()
	l.beat()
	if err := l.store.Close(); err != nil {
		l.Fatal(err)
	}
}

// beat is what every replica does from its start to its end.
func (l *losses) beat() {
	l.Helper()
	var err error
	if l.outside, _, err = l.store.Beat(l.Context(), l.outside); err != nil {
		l.Fatal(err)
	}
}

func (l *losses) backup() []byte {
	l.Helper()
	l.close()
	data, err := os.ReadFile(l.path)
	if err != nil {
		l.Fatal(err)
	}
	l.open()
	return data
}

func (l *losses) restore(backup []byte) {
	l.Helper()
	l.close()
	if err := os.WriteFile(l.path, backup, 0o600); err != nil {
		l.Fatal(err)
	}
	l.open()
}

func (l *losses) empty() {
	l.Helper()
	l.close()
	if err := os.Remove(l.path); err != nil {
		l.Fatal(err)
	}
	l.open()
}

func (l *losses) wipeStatus(name string) {
	l.Helper()
	ab := l.get(name)
	before := ab.DeepCopy()
	ab.Status = v1alpha1.AccountBlockStatus{}
	if err := l.client.Status().Patch(l.Context(), ab, client.MergeFrom(before)); err != nil {
		l.Fatal(err)
	}
}

// binds asks a replica that starts now: it sees the object, then the store's facts.
func (l *losses) binds(name string) bool {
	l.Helper()
	index := kube.NewIndex(l.policies.For)
	ab := l.get(name)
	if err := index.Apply(ab); err != nil {
		l.Fatal(err)
	}
	if r, err := l.store.Block(l.Context(), l.key(name)); err == nil {
		index.Fact(fact.Fact{Block: &r})
	} else if !errors.Is(err, rules.ErrNotFound) {
		l.Fatal(err)
	}
	for _, r := range index.Blocks(l.namespace, string(ab.Spec.Account), "", netip.Addr{}, "") {
		if r.Key.Name == name && r.Enforced(l.clock.Now()) {
			return true
		}
	}
	return false
}

// challenge opens a flow for a block and issues its code to the account's contact.
func (l *losses) challenge(id, name string) code.Challenge {
	l.Helper()
	now := l.clock.Now()
	contacts := []contact.Contact{{ID: "c1", Channel: contact.Email, Address: "anna@post.example", Standing: contact.Full}}
	if err := l.store.ImportContacts(l.Context(), l.namespace, "a-1", contacts, nil, now); err != nil {
		l.Fatal(err)
	}
	f := session.Flow{
		ID: id, Tenant: l.namespace, Account: "a-1", Purpose: code.Unblock, Object: name, Stage: session.Opened,
		Secret: sha256.Sum256([]byte(id)), Ticket: "ticket-" + id, Opened: now, Expires: now.Add(24 * time.Hour),
	}
	if err := l.store.OpenFlow(l.Context(), f); err != nil {
		l.Fatal(err)
	}
	c, err := l.store.IssueChallenge(l.Context(), code.Issue{
		Challenge: code.Challenge{
			ID: "challenge-" + id, Tenant: l.namespace, Account: "a-1", Purpose: code.Unblock, Object: name, Flow: id,
			ContactID: "c1", Channel: contact.Email, Digits: 6, MaxAttempts: 5, Created: now, Expires: now.Add(24 * time.Hour),
		},
		Address: "anna@post.example", MaxWrongPerDay: 10, MessageID: "message-" + id, Now: now,
	})
	if err != nil {
		l.Fatal(err)
	}
	return c
}

func (l *losses) submit(c code.Challenge) error {
	_, err := l.store.CountAttempt(l.Context(), c.ID, c.Flow, code.Budget{PerDay: 10}, l.clock.Now())
	if err != nil {
		return err
	}
	return l.store.AcceptCode(l.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte("proved " + c.Flow)), Now: l.clock.Now()})
}

// history is what every loss is tried on: one block that attempts have lengthened, one
// that a person has released by a code, one that has expired, one without an end.
func (l *losses) history() (start time.Time, backup []byte, spent, open code.Challenge) {
	l.Helper()
	short := func(ab *v1alpha1.AccountBlock) { ab.Spec.Duration = "30m" }
	endless := func(ab *v1alpha1.AccountBlock) { ab.Spec.Permanent = true }
	start = l.create("lengthened").CreationTimestamp.Time
	// The apiserver's clock may be a second on by now.
	together := func(ab *v1alpha1.AccountBlock) { ab.Spec.StartTime = new(metav1.NewTime(start)) }
	l.create("released", together)
	l.create("expired", together, short)
	l.create("endless", together, endless)
	l.clock.Set(start)
	for _, name := range []string{"lengthened", "released", "expired", "endless"} {
		l.reconcile(name)
	}
	spent, open = l.challenge("spent", "released"), l.challenge("open", "lengthened")
	l.beat()
	backup = l.backup()

	l.clock.Step(time.Hour)
	l.attempt("lengthened")
	if err := l.submit(spent); err != nil {
		l.Fatal(err)
	}
	l.release("released")
	for _, name := range []string{"lengthened", "released", "expired", "endless"} {
		l.reconcile(name)
	}
	l.remembered(start)
	return start, backup, spent, open
}

// remembered fails unless everything of the history stands, in store, status and
// decisions (law 1).
func (l *losses) remembered(start time.Time) {
	l.Helper()
	for name, want := range map[string]struct {
		state   v1alpha1.BlockState
		expires time.Time
		binds   bool
	}{
		"lengthened": {v1alpha1.BlockActive, start.Add(25 * time.Hour), true},
		"released":   {v1alpha1.BlockReleased, start.Add(24 * time.Hour), false},
		"expired":    {v1alpha1.BlockExpired, start.Add(30 * time.Minute), false},
		"endless":    {v1alpha1.BlockActive, time.Time{}, true},
	} {
		if got := l.binds(name); got != want.binds {
			l.Errorf("%s before a reconcile: binds %v", name, got)
		}
		ab, _ := l.reconcile(name)
		r := l.record(name)
		if ab.Status.State != want.state || r.State(l.clock.Now()) != block.State(want.state) {
			l.Errorf("%s: the status says %s and the store %s, want %s", name, ab.Status.State, r.State(l.clock.Now()), want.state)
		}
		if !r.Spec.Start.Equal(start) || !r.Expires.Equal(want.expires) || !ab.Status.StartTime.Time.Equal(start) {
			l.Errorf("%s: from %v to %v, want %v to %v", name, r.Spec.Start, r.Expires, start, want.expires)
		}
		if got := l.binds(name); got != want.binds {
			l.Errorf("%s: binds %v", name, got)
		}
	}
	if r := l.record("lengthened"); r.Spec.Duration != 24*time.Hour || r.Extensions != 1 {
		l.Errorf("an attempt adds %v after %d, want 24h0m0s after 1", r.Spec.Duration, r.Extensions)
	}
	if end := l.record("released").End; !end.At.Equal(start.Add(time.Hour)) {
		l.Errorf("released at %v, want %v", end.At, start.Add(time.Hour))
	}
}

// void fails unless codes, flows and tickets of before the loss are worth nothing, and
// new ones are.
func (l *losses) void(codes ...code.Challenge) {
	l.Helper()
	for _, c := range codes {
		if err := l.submit(c); !errors.Is(err, rules.ErrGone) && !errors.Is(err, rules.ErrNotFound) {
			l.Errorf("a code of before the loss: %v", err)
		}
		for _, secret := range []string{c.Flow, "proved " + c.Flow} {
			if _, err := l.store.FlowBySecret(l.Context(), sha256.Sum256([]byte(secret))); !errors.Is(err, rules.ErrNoFlow) {
				l.Errorf("a session of before the loss: %v", err)
			}
		}
	}
	if err := l.submit(l.challenge("after", "lengthened")); err != nil {
		l.Errorf("a code of after the loss: %v", err)
	}
}

// laws 1 and 13: the database comes back from a backup an hour old.
func TestTheDatabaseIsRestored(t *testing.T) {
	l := newLosses(t)
	start, backup, spent, open := l.history()
	l.restore(backup)
	l.remembered(start)
	l.void(spent, open)

	// Restored once more, the epoch after that is another again.
	was := l.outside.Epoch
	l.restore(backup)
	if l.outside.Epoch <= was {
		t.Errorf("epoch %d after %d", l.outside.Epoch, was)
	}
	l.remembered(start)
	l.void(spent, open)
}

// laws 1 and 13: the database is emptied. What the objects remember is adopted; of
// security info nothing is known, which is no absence.
func TestTheDatabaseIsEmptied(t *testing.T) {
	l := newLosses(t)
	start, _, spent, open := l.history()
	l.empty()
	l.remembered(start)
	book, err := l.store.Book(t.Context(), l.namespace, "a-1")
	if err != nil || book.Recorded || book.Absent() {
		t.Errorf("security info: %+v, %v", book, err)
	}
	l.void(spent, open)
}

// law 1: every status is wiped, and the store afterwards.
func TestStatusAndDatabaseAreLostInTurn(t *testing.T) {
	l := newLosses(t)
	start, backup, spent, open := l.history()
	wipe := func() {
		t.Helper()
		for _, name := range []string{"lengthened", "released", "expired", "endless"} {
			l.wipeStatus(name)
		}
	}
	wipe()
	l.remembered(start)
	l.restore(backup)
	l.remembered(start)
	wipe()
	l.remembered(start)
	l.empty()
	l.remembered(start)
	l.void(spent, open)
}

// law 1: every object comes back under another UID, with its status and without.
func TestObjectsAreRestored(t *testing.T) {
	l := newLosses(t)
	start, backup, _, _ := l.history()
	recreate := func(withStatus bool) {
		t.Helper()
		for _, name := range []string{"lengthened", "released", "expired", "endless"} {
			old := l.get(name)
			l.vanish(name)
			again := &v1alpha1.AccountBlock{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name}, Spec: old.Spec}
			if err := l.client.Create(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			if again.UID == old.UID {
				t.Fatal("the same UID: nothing is tried here")
			}
			if withStatus {
				before := again.DeepCopy()
				again.Status = old.Status
				if err := l.client.Status().Patch(t.Context(), again, client.MergeFrom(before)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	recreate(false)
	l.remembered(start)
	recreate(true)
	l.remembered(start)
	// The database with them, from its backup: status and spec alone know what came since.
	recreate(true)
	l.restore(backup)
	l.remembered(start)
}

// The copy of the mark is lost and the database afterwards, with a beat between.
func TestTheCopyOfTheMarkIsLostFirst(t *testing.T) {
	l := newLosses(t)
	_, backup, spent, open := l.history()
	l.outside = epoch.Mark{}
	l.beat()
	l.restore(backup)
	l.void(spent, open)
}

var _ Store = (*store.Store)(nil)

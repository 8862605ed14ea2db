// Package storetest is the contract of the store: every engine passes it whole.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/epoch"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/store"
)

// Store is what the suite asks of an engine.
type Store interface {
	EscalationStore
	ReportStore
	DisownedStore
	SpendStore
	ChangeStore
	ReceiptStore
	SignInStore
	ProofStore
	HealthStore
	Block(ctx context.Context, key block.Key) (block.Record, error)
	FreezeBlock(ctx context.Context, key block.Key, uid string, spec block.Spec) (block.Record, error)
	LengthenBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, attempt time.Time, within time.Duration) (block.Record, error)
	AdoptBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, remembered block.Memory) (block.Record, error)
	EndBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, end block.End, deleted bool) (block.Record, error)

	OpenFlow(ctx context.Context, f session.Flow) error
	FlowBySecret(ctx context.Context, secret [32]byte) (session.Flow, error)
	FlowByTicket(ctx context.Context, tenant, ticketID string) (session.Flow, error)

	Book(ctx context.Context, tenant, account string) (contact.Book, error)
	ImportContacts(ctx context.Context, tenant, account string, contacts []contact.Contact, notices []message.Message, now time.Time) error
	Notify(ctx context.Context, notices []message.Message) error
	HasSealedRows(ctx context.Context) (bool, error)
	CheckSeal(ctx context.Context) error
	Reseal(ctx context.Context, batch int, now time.Time, between func() error) (store.Resealed, error)

	IssueChallenge(ctx context.Context, issue code.Issue) (code.Challenge, error)
	Issued(ctx context.Context, flowID string, once code.Once) (code.Challenge, message.Delivery, error)
	Challenge(ctx context.Context, id, flowID string) (code.Challenge, message.Delivery, error)
	CurrentChallenge(ctx context.Context, flowID string) (code.Challenge, message.Delivery, error)
	CountAttempt(ctx context.Context, id, flowID string, budget code.Budget, now time.Time) (code.Challenge, error)
	AcceptCode(ctx context.Context, a code.Accept) error
	ReleaseBlock(ctx context.Context, r block.Release) (block.Record, error)

	Lease(ctx context.Context, n int, now, until time.Time, full ...message.Lane) ([]message.Message, error)
	HandOver(ctx context.Context, m message.Message) error
	MarkSent(ctx context.Context, id string, now time.Time) error
	MarkRetry(ctx context.Context, m message.Message, notBefore time.Time, class message.ErrorClass) error
	MarkDead(ctx context.Context, m message.Message, class message.ErrorClass, now time.Time) error
	NextDue(ctx context.Context, now time.Time, full ...message.Lane) (time.Time, bool, error)
	ReleaseLeases(ctx context.Context) error
	DeadLetters(ctx context.Context, tenant string, since time.Time) ([]message.DeadLetters, error)
	Wake() <-chan struct{}

	Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error
	RecordSignal(ctx context.Context, s fact.Signal) error
	Epoch(ctx context.Context) (int64, error)
	Mark(ctx context.Context) (epoch.Mark, error)
	Beat(ctx context.Context, outside epoch.Mark) (mark epoch.Mark, restored bool, err error)
	Ping(ctx context.Context) error
	Prune(ctx context.Context, now, before time.Time) (int64, error)
	Close() error
}

// Backend is one empty store of an engine. It was opened with NewSealer and Now, and its
// database says that it is Start.
type Backend struct {
	Store
	// DB reaches the tables, for what no method shows or does.
	DB *sql.DB
	// Reopen closes the store and opens the same data again.
	Reopen func(t *testing.T) Store
	// Other opens the same data as another process would; nil on an engine of one process.
	Other func(t *testing.T) Store
}

// Run holds an engine to the contract.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, group := range []map[string]func(*testing.T, Backend){
		blockTests, flowTests, contactTests, issueTests, idempotencyTests, attemptTests, budgetTests, releaseTests, outboxTests, feedTests, upkeepTests, keyTests, epochTests, escalationTests, adoptTests, replicaTests, changeTests, holdTests, frozenTests, besideTests, reclaimTests, begunTests, standingTests, changeUpkeepTests, reportTests, disownedTests, spendTests, signInTests, proofTests, receiptTests, healthTests,
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(t, open(t)) })
		}
	}
}

// Start is the instant at which every test begins.
var Start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// Now is the clock of the stores under test: it stands.
func Now() time.Time { return Start }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustGet[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// count is the number that a query over the tables gives.
func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	must(t, db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

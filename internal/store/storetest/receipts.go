package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// ReceiptStore is what the suite asks for receipts.
type ReceiptStore interface {
	SaveReceipt(ctx context.Context, r receipt.Receipt) error
	Receipt(ctx context.Context, challengeID string) (receipt.Receipt, error)
}

var receiptTests = map[string]func(*testing.T, Backend){
	"receipt/seed 17: what was told is found by the challenge":    receiptKept,
	"receipt/it may come before the message counts as sent":       receiptBeforeSent,
	"receipt/the same one again writes nothing":                   receiptAgain,
	"receipt/that it arrived outweighs what comes in any order":   receiptOutOfOrder,
	"receipt/of 16 at once that it arrived stands":                receiptRace,
	"receipt/another tenant's tells nothing":                      receiptForeign,
	"receipt/an unknown message has none":                         receiptUnknown,
	"receipt/a pruned message has none, and its own goes":         receiptPruned,
	"receipt/it changes neither message, budgets nor the contact": receiptIsAdviceOnly,
	"receipt/it outlives a restart":                               receiptAfterRestart,
	"receipt/what changes what is known is audited, once":         receiptAudited,
}

// told is a receipt of the message of a challenge that person.issue asked for.
func told(c code.Challenge, outcome receipt.Outcome) receipt.Receipt {
	return receipt.Receipt{Tenant: tenant, Message: "message-" + c.ID, Outcome: outcome, At: Start.Add(time.Minute)}
}

func wantReceipt(t *testing.T, b ReceiptStore, c code.Challenge, want receipt.Receipt) {
	t.Helper()
	equal(t, "receipt", mustGet[receipt.Receipt](t)(b.Receipt(t.Context(), c.ID)), want)
}

// sentCode is a code whose message has left.
func sentCode(t *testing.T, b Backend) code.Challenge {
	t.Helper()
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, b.MarkSent(t.Context(), "message-"+c.ID, Start))
	return c
}

func receiptKept(t *testing.T, b Backend) {
	c := sentCode(t, b)
	wantReceipt(t, b, c, receipt.Receipt{})
	r := told(c, receipt.Rejected)
	r.Reason = receipt.Landline
	must(t, b.SaveReceipt(t.Context(), r))
	wantReceipt(t, b, c, r)
}

func receiptBeforeSent(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, b.SaveReceipt(t.Context(), told(c, receipt.Delivered)))
	must(t, b.MarkSent(t.Context(), "message-"+c.ID, Start))
	wantReceipt(t, b, c, told(c, receipt.Delivered))
}

func receiptAgain(t *testing.T, b Backend) {
	c := sentCode(t, b)
	first := told(c, receipt.Unreachable)
	must(t, b.SaveReceipt(t.Context(), first))
	again := first
	again.At = first.At.Add(time.Hour)
	must(t, b.SaveReceipt(t.Context(), again))
	wantReceipt(t, b, c, first)
}

func receiptOutOfOrder(t *testing.T, b Backend) {
	c := sentCode(t, b)
	for _, outcome := range []receipt.Outcome{receipt.Failed, receipt.Unreachable, receipt.Delivered, receipt.Failed, receipt.Rejected} {
		must(t, b.SaveReceipt(t.Context(), told(c, outcome)))
	}
	wantReceipt(t, b, c, told(c, receipt.Delivered))
}

func receiptRace(t *testing.T, b Backend) {
	c := sentCode(t, b)
	outcomes := []receipt.Outcome{receipt.Failed, receipt.Delivered, receipt.Unreachable, receipt.Rejected}
	race(func(n int) bool {
		if err := b.SaveReceipt(t.Context(), told(c, outcomes[n%len(outcomes)])); err != nil {
			t.Error(err)
		}
		return true
	})
	wantReceipt(t, b, c, told(c, receipt.Delivered))
}

func receiptForeign(t *testing.T, b Backend) {
	c := sentCode(t, b)
	foreign := told(c, receipt.Failed)
	foreign.Tenant = "elsewhere"
	must(t, b.SaveReceipt(t.Context(), foreign))
	wantReceipt(t, b, c, receipt.Receipt{})
	must(t, b.SaveReceipt(t.Context(), told(c, receipt.Delivered)))
	must(t, b.SaveReceipt(t.Context(), foreign))
	wantReceipt(t, b, c, told(c, receipt.Delivered))
}

func receiptUnknown(t *testing.T, b Backend) {
	must(t, b.SaveReceipt(t.Context(), receipt.Receipt{Tenant: tenant, Message: "nobody's", Outcome: receipt.Delivered, At: Start}))
	equal(t, "receipts", count(t, b.DB, `SELECT COUNT(*) FROM receipts`), 0)
}

func receiptPruned(t *testing.T, b Backend) {
	c := sentCode(t, b)
	must(t, b.SaveReceipt(t.Context(), told(c, receipt.Failed)))
	year := Start.Add(8760 * time.Hour)
	_, err := b.Prune(t.Context(), year, year)
	must(t, err)
	equal(t, "receipts", count(t, b.DB, `SELECT COUNT(*) FROM receipts`), 0)
	must(t, b.SaveReceipt(t.Context(), told(c, receipt.Delivered)))
	equal(t, "receipts", count(t, b.DB, `SELECT COUNT(*) FROM receipts`), 0)
	wantReceipt(t, b, c, receipt.Receipt{})
}

// Section 7: a receipt is never proof, refund or disabling.
func receiptIsAdviceOnly(t *testing.T, b Backend) {
	c := sentCode(t, b)
	sums := func() (n []int) {
		for _, query := range []string{
			`SELECT COUNT(*) FROM outbox WHERE state = 'Sent' AND class = ''`, `SELECT COUNT(*) FROM audit WHERE action <> 'ReceiptTaken'`, `SELECT COUNT(*) FROM facts`,
			`SELECT COUNT(*) FROM contacts WHERE standing = 'Full' AND failures = 0`, `SELECT COUNT(*) FROM limits`,
			`SELECT COUNT(*) FROM wrong_codes`, `SELECT COUNT(*) FROM challenges WHERE consumed_at IS NULL AND superseded_at IS NULL AND attempts = 0`,
		} {
			n = append(n, count(t, b.DB, query))
		}
		return n
	}
	before := sums()
	for _, outcome := range []receipt.Outcome{receipt.Failed, receipt.Rejected, receipt.Unreachable, receipt.Delivered} {
		must(t, b.SaveReceipt(t.Context(), told(c, outcome)))
	}
	equal(t, "everything else", sums(), before)
	_, d, err := b.Challenge(t.Context(), c.ID, c.Flow)
	must(t, err)
	equal(t, "delivery", d, message.Delivery{State: message.Sent})
}

func receiptAfterRestart(t *testing.T, b Backend) {
	c := sentCode(t, b)
	must(t, b.SaveReceipt(t.Context(), told(c, receipt.Unreachable)))
	wantReceipt(t, b.Reopen(t), c, told(c, receipt.Unreachable))
}

// receiptsAudited are the details that the audit keeps of receipts, in their order.
func receiptsAudited(t *testing.T, b Backend) string {
	t.Helper()
	rows, err := b.DB.QueryContext(t.Context(), `SELECT tenant, account, object, detail FROM audit WHERE action = 'ReceiptTaken' ORDER BY at`)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var all strings.Builder
	for rows.Next() {
		var of, whose, object, detail string
		must(t, rows.Scan(&of, &whose, &object, &detail))
		fmt.Fprintln(&all, of, whose, object, detail)
	}
	must(t, rows.Err())
	return all.String()
}

func receiptAudited(t *testing.T, b Backend) {
	c := sentCode(t, b)
	first, second, last := told(c, receipt.Unreachable), told(c, receipt.Rejected), told(c, receipt.Delivered)
	second.Reason, second.At = receipt.UnknownSubscriber, first.At.Add(time.Second)
	last.At = second.At.Add(time.Second)
	for _, r := range []receipt.Receipt{first, first, second, second, last, first, second, last} {
		must(t, b.SaveReceipt(t.Context(), r))
	}
	foreign, unknown := first, first
	foreign.Tenant, unknown.Message = "elsewhere", "nobody's"
	must(t, b.SaveReceipt(t.Context(), foreign))
	must(t, b.SaveReceipt(t.Context(), unknown))
	line := tenant + " " + account + " message-" + c.ID + " "
	equal(t, "audit", receiptsAudited(t, b), line+`{"outcome":"Unreachable"}`+"\n"+
		line+`{"outcome":"Rejected","reason":"UnknownSubscriber"}`+"\n"+line+`{"outcome":"Delivered"}`+"\n")

	race(func(int) bool { return b.SaveReceipt(t.Context(), last) == nil })
	equal(t, "rows", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'ReceiptTaken'`), 3)
	_, err := b.Prune(t.Context(), Start.Add(48*time.Hour), Start.Add(24*time.Hour))
	must(t, err)
	equal(t, "rows after retention", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'ReceiptTaken'`), 0)
}

package replicas_test

import (
	"regexp"
	"slices"
	"strings"
)

// allExpected is how many messages the test has caused.
func (w *world) allExpected() (n int) {
	for _, count := range w.expected {
		n += count
	}
	return n
}

// nothingTwice counts what everybody got in the whole run.
func nothingTwice(w *world) {
	w.await(patience, "every message", func() bool { return len(w.inbox("")) >= w.allExpected() })
	got := map[string]int{}
	for _, m := range w.inbox("") {
		got[m.To]++
	}
	for address, n := range w.expected {
		if got[address] != n {
			w.t.Errorf("%s got %d messages, want %d", address, got[address], n)
		}
	}
	if len(got) != len(w.expected) {
		w.t.Errorf("%d addresses got messages, want %d", len(got), len(w.expected))
	}
	w.t.Logf("%d messages to %d people", w.allExpected(), len(w.expected))
}

// nothingSecret looks in both logs for what was sent and entered in the whole run.
func nothingSecret(w *world) {
	codes := w.codes("")
	if len(codes) < 50 {
		w.t.Fatalf("%d codes were sent in the whole run: nothing is tried here", len(codes))
	}
	// Six digits stand in longer numbers by chance: in the fraction of an instant.
	number := regexp.MustCompile(`\d+`)
	for _, r := range w.replicas {
		said := w.said(r)
		if !strings.Contains(said, "holdfast starts") {
			w.t.Errorf("the log of %s is none: nothing is tried here", r.name)
		}
		for address := range w.expected {
			if strings.Contains(said, address) {
				w.t.Errorf("the log of %s holds the address %s", r.name, address)
			}
		}
		for _, secret := range []string{newPassword, smtpPassword, webhookKey, w.caller, w.scraper, "postgres://"} {
			if strings.Contains(said, secret) {
				w.t.Errorf("the log of %s holds %q", r.name, secret)
			}
		}
		numbers := number.FindAllString(said, -1)
		slices.Sort(numbers)
		for _, code := range codes {
			if _, found := slices.BinarySearch(numbers, code); found {
				w.t.Errorf("the log of %s holds the code %s", r.name, code)
			}
		}
	}
}

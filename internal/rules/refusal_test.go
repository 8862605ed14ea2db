package rules

import (
	"errors"
	"testing"
)

// seed 20: a refusal says why in English for programs, and by its reason for pages.
func TestRefusalSaysWhy(t *testing.T) {
	err := Refuse(VoIP)
	if !errors.Is(err, ErrDestination) || err.Error() != "a code cannot be sent there: it is an internet (VoIP) number" {
		t.Errorf("%v", err)
	}
	full := &RefusalError{Err: ErrDestination, Reason: ListFull, Count: 12}
	if got := full.Detail(); got != "you have 12 contacts already, which is the most; remove one first" {
		t.Error(got)
	}
	for _, r := range Reasons() {
		if refusals[r] == "" {
			t.Errorf("%s says nothing", r)
		}
	}
}

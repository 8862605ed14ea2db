package kube

import (
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// held joins the object and the fact of one change of security info: what restricts its
// account.
type held struct {
	// mirror is what the object's status tells; it counts until a fact comes, as where the
	// store has lost it (law 1). While the hold is open it restricts past its date.
	mirror decision.Hold
	open   bool
	fact   *change.Record
}

// at is what is restricted at now.
func (h *held) at(now time.Time) decision.Hold {
	switch {
	case h.fact == nil && h.open:
		return decision.Hold{What: h.mirror.What}
	case h.fact == nil && !now.Before(h.mirror.Until):
		return decision.Hold{}
	case h.fact == nil:
		return h.mirror
	}
	what, until := h.fact.Restricts(now)
	return decision.Hold{What: what, Until: until}
}

// learn takes a fact unless it is older than what is known.
func (h *held) learn(r *change.Record) {
	if old := h.fact; old != nil && old.UID == r.UID && !old.Deleted {
		back := (old.End.State.Terminal() && !r.End.State.Terminal()) || (!old.HoldStart.IsZero() && r.HoldStart.IsZero())
		if back {
			return
		}
	}
	h.fact = r
}

// over reports whether nothing can restrict any more: the change has ended and so has
// what remained of it.
func (h *held) over(now time.Time) bool {
	if h.fact == nil {
		return h.at(now) == decision.Hold{}
	}
	return h.fact.State(now).Terminal() && h.at(now) == decision.Hold{}
}

// holds are those of a tenant, by account and name.
type holds map[string]map[string]*held

func (s holds) of(account, name string) *held {
	named := s[account]
	if named == nil {
		named = map[string]*held{}
		s[account] = named
	}
	if named[name] == nil {
		named[name] = &held{}
	}
	return named[name]
}

// prune drops what is over.
func (s holds) prune(now time.Time) {
	for account, named := range s {
		maps.DeleteFunc(named, func(_ string, h *held) bool { return h.over(now) })
		if len(named) == 0 {
			delete(s, account)
		}
	}
}

// ApplyChange takes the sight of a SecurityInfoChange: what its status says is
// restricted stays so until the store tells more.
func (x *Index) ApplyChange(sic *v1alpha1.SecurityInfoChange) {
	until := sic.Status.HoldUntilTime
	if until == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.shelf(sic.Namespace).holds.of(string(sic.Spec.Account), sic.Name)
	h.mirror = decision.Hold{What: change.Restriction(sic.Status.Restricted), Until: until.Time}
	h.open = sic.Status.State == v1alpha1.ChangeOnHold && h.mirror.What != "" && sic.DeletionTimestamp.IsZero()
}

// RemoveChange takes the disappearance of a SecurityInfoChange: what only its status told
// restricts to its date and no further.
func (x *Index) RemoveChange(sic *v1alpha1.SecurityInfoChange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.shelves[sic.Namespace]
	if s == nil {
		return
	}
	if h := s.holds[string(sic.Spec.Account)][sic.Name]; h != nil {
		h.open = false
	}
}

// factOfChange takes a change's record; the caller holds the lock.
func (x *Index) factOfChange(r *change.Record) {
	x.shelf(r.Key.Tenant).holds.of(r.Spec.Account, r.Key.Name).learn(r)
}

// factOfRecheck takes the state of an account's round; the caller holds the lock.
func (x *Index) factOfRecheck(r *recheck.Record) {
	rounds := x.shelf(r.Tenant).rounds
	if r.FirstNotice.IsZero() {
		delete(rounds, r.Account)
		return
	}
	rounds[r.Account] = *r
}

// Holds lists what is restricted of an account at now, by the names of the changes.
func (x *Index) Holds(tenant, account string, now time.Time) []decision.Hold {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.shelves[tenant]
	if s == nil || len(s.holds[account]) == 0 {
		return nil
	}
	named := s.holds[account]
	var list []decision.Hold
	for _, name := range slices.SortedFunc(maps.Keys(named), strings.Compare) {
		if h := named[name].at(now); h.What != "" {
			list = append(list, h)
		}
	}
	return list
}

// Recheck is the round of rechecks that an account is in; its zero value is none.
func (x *Index) Recheck(tenant, account string) recheck.Record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.shelves[tenant]; s != nil {
		return s.rounds[account]
	}
	return recheck.Record{}
}

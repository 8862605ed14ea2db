package web

import (
	"net/http"
	"slices"

	"holdfast.dev/holdfast/internal/rules"
)

const lostPath = infoPath + "/lost"

// lostPage takes the person's own word that a device is lost (seed 46).
type lostPage struct {
	Account string
	// Clears are what a help desk has asked for and what waits for that word.
	Clears []shownChange
	// Begun are those that are on hold, since a word was given or others have asked.
	Begun []shownChange
}

// showLost says what a report of a loss does; it changes nothing (law 7).
func (s *site) showLost(w http.ResponseWriter, r *http.Request) error {
	open, err := s.Desk.Changes(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	all := shownChanges(open.Open)
	data := lostPage{
		Account: open.Account,
		Clears:  slices.DeleteFunc(slices.Clone(all), func(c shownChange) bool { return !c.Lost() }),
		Begun:   slices.DeleteFunc(slices.Clone(all), func(c shownChange) bool { return !c.Clearing() || !c.Held() }),
	}
	if !open.Clears && len(data.Clears)+len(data.Begun) == 0 {
		return rules.ErrNotFound
	}
	title := "lost.title"
	if len(data.Clears) == 0 && len(data.Begun) > 0 {
		title = "lost.clearsTitle"
	}
	s.render(w, r, http.StatusOK, "changes-lost", around(open.Welcome, title, data))
	return nil
}

func (s *site) reportLoss(w http.ResponseWriter, r *http.Request) error {
	if err := s.Desk.ReportLoss(r.Context(), s.visit(r)); err != nil {
		return err
	}
	see(w, lostPath)
	return nil
}

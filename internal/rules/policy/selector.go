package policy

import "strings"

// Selector is what a policy says about the accounts that it is for.
type Selector struct {
	Name     string
	Patterns []string
}

// Match returns the length of the longest literal by which the selector names
// the account, or -1. A pattern is an exact ID, which beats every prefix, or a
// prefix and one trailing star.
func (s Selector) Match(account string) int {
	best := -1
	for _, pattern := range s.Patterns {
		prefix, star := strings.CutSuffix(pattern, "*")
		switch {
		case !star && pattern == account:
			best = max(best, len(account)+1)
		case star && strings.HasPrefix(account, prefix):
			best = max(best, len(prefix))
		}
	}
	return best
}

// Choose returns the name of the policy that holds for the account: the longest
// literal wins, on ties the lesser name; "" where none matches.
func Choose(selectors []Selector, account string) string {
	name, best := "", -1
	for _, s := range selectors {
		m := s.Match(account)
		if m > best || (m == best && m >= 0 && s.Name < name) {
			name, best = s.Name, m
		}
	}
	return name
}

// Conflicts returns for every selector that shares a pattern with one of a lesser
// name the name of the least such selector.
func Conflicts(selectors []Selector) map[string]string {
	owner := map[string]string{}
	for _, s := range selectors {
		for _, p := range s.Patterns {
			if held, ok := owner[p]; !ok || s.Name < held {
				owner[p] = s.Name
			}
		}
	}
	conflicts := map[string]string{}
	for _, s := range selectors {
		for _, p := range s.Patterns {
			if o := owner[p]; o != s.Name && (conflicts[s.Name] == "" || o < conflicts[s.Name]) {
				conflicts[s.Name] = o
			}
		}
	}
	return conflicts
}

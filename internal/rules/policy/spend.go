package policy

import "holdfast.dev/holdfast/internal/rules/code"

// Caps are the spend caps that a text or a call to a country (ISO 3166 alpha-2) takes
// from, the country's own first (T6). Codes ask them; notices are counted and go.
func (p Policy) Caps(country string) []code.Limit {
	caps := []code.Limit{{Subject: "spend", ID: p.Name, Rate: p.Limits.Spend}}
	if own, ok := p.Limits.SpendCountries[country]; ok {
		caps = append([]code.Limit{{Subject: "spend-country", ID: p.Name + "/" + country, Rate: own}}, caps...)
	}
	return caps
}

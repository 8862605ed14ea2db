package web

import (
	"net/http"
	"slices"

	"golang.org/x/text/language"
)

// offered are the countries that the policy reaches, in the order of their names; the
// likely one stands apart.
func (v *voice) offered(reached []string, likely string) (first *Country, others []Country) {
	for _, c := range v.countries {
		switch {
		case !slices.Contains(reached, c.ISO):
		case c.ISO == likely:
			first = &c
		default:
			others = append(others, c)
		}
	}
	return first, others
}

// likelyCountry is the person's probable country among those reached: the one that the
// browser's languages name, which is sure enough to preselect it, as is the only one;
// else the one where the first language is at home.
func likelyCountry(r *http.Request, reached []string) (iso string, sure bool) {
	if len(reached) == 1 {
		return reached[0], true
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return "", false
	}
	for _, tag := range tags {
		region, confidence := tag.Region()
		if !slices.Contains(reached, region.String()) {
			continue
		}
		if confidence == language.Exact {
			return region.String(), true
		}
		if iso == "" {
			iso = region.String()
		}
	}
	return iso, false
}

// flag is the flag of an ISO 3166 alpha-2 code: two regional indicators of Unicode, which
// show as the code's letters where the system draws no flags.
func flag(iso string) string {
	const indicatorA = 0x1F1E6
	if len(iso) != 2 {
		return ""
	}
	return string([]rune{indicatorA + rune(iso[0]-'A'), indicatorA + rune(iso[1]-'A')})
}

// Package phone reads what a person typed as a phone number and lists the
// countries to choose from.
package phone

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// maxLength bounds what is read, in bytes.
const maxLength = 64

// refused are the kinds of numbers that no code goes to (seed 20) and why. Where a
// country keeps no range of its own for a kind, only the carrier could tell.
var refused = map[phonenumbers.PhoneNumberType]rules.Reason{
	phonenumbers.VOIP:            rules.VoIP,
	phonenumbers.PREMIUM_RATE:    rules.PremiumRate,
	phonenumbers.SHARED_COST:     rules.SharedCost,
	phonenumbers.TOLL_FREE:       rules.TollFree,
	phonenumbers.PAGER:           rules.Pager,
	phonenumbers.PERSONAL_NUMBER: rules.Personal,
	phonenumbers.UAN:             rules.Company,
	phonenumbers.VOICEMAIL:       rules.Voicemail,
	phonenumbers.UNKNOWN:         rules.UnknownKind,
}

// Numbers reads phone numbers by the numbering plans of the world.
type Numbers struct{}

// Parse returns the E.164 form of a number typed in a country (ISO 3166 alpha-2), of a
// kind that the policy's rule takes. A leading + or 00 wins over the country. Refusals
// wrap rules.ErrDestination with a reason for the person and never show the number.
func (Numbers) Parse(number, country string, rule policy.NumberRule) (string, error) {
	number = strings.TrimSpace(number)
	if len(number) > maxLength {
		return "", rules.Refuse(rules.NumberTooLong)
	}
	parsed, ok := read(number, strings.ToUpper(country))
	switch {
	case !ok:
		return "", rules.Refuse(rules.NoNumber)
	case parsed.GetExtension() != "":
		return "", rules.Refuse(rules.Extension)
	}
	kind := phonenumbers.GetNumberType(parsed)
	if reason, bad := refused[kind]; bad && (kind != phonenumbers.VOIP || !rule.VoIP) {
		return "", rules.Refuse(reason)
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), nil
}

// Plan returns the country (ISO 3166 alpha-2) of a number in E.164 form; empty where it
// belongs to none, as satellite phones do.
func (Numbers) Plan(number string) (country string) {
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return ""
	}
	if country = phonenumbers.GetRegionCodeForNumber(parsed); len(country) != 2 {
		return "" // 001 stands for the whole world
	}
	return country
}

// read tries 00 as a plus sign first: in a few countries it begins something else.
func read(number, country string) (*phonenumbers.PhoneNumber, bool) {
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		if parsed, ok := read("+"+rest, country); ok {
			return parsed, true
		}
	}
	parsed, err := phonenumbers.Parse(number, country)
	return parsed, err == nil && phonenumbers.IsValidNumber(parsed)
}

// Country is one line of the list from which a person chooses.
type Country struct {
	// ISO is the ISO 3166 alpha-2 code.
	ISO string
	// Name is in the language asked for.
	Name string
	// CallingCode has no plus sign.
	CallingCode int
}

// Countries lists the countries whose numbers can be read, named in a language
// (BCP 47; English where it is unknown) and sorted by name as that language sorts.
func Countries(lang string) []Country {
	tag := language.Make(lang)
	names := display.Regions(tag)
	if names == nil {
		tag, names = language.English, display.Regions(language.English)
	}
	var list []Country
	for iso := range phonenumbers.GetSupportedRegions() {
		region, err := language.ParseRegion(iso)
		if err != nil {
			continue
		}
		list = append(list, Country{ISO: iso, Name: names.Name(region), CallingCode: phonenumbers.GetCountryCodeForRegion(iso)})
	}
	order := collate.New(tag)
	slices.SortFunc(list, func(a, b Country) int { return order.CompareString(a.Name, b.Name) })
	return list
}

package rules

import (
	"fmt"
	"strings"
)

// Reason is why no code goes somewhere, stable for programs.
type Reason string

// The reasons for which a contact or a number gets no codes (seed 7, 20, 55).
const (
	NothingEntered Reason = "NothingEntered"
	NoAddress      Reason = "NoAddress"
	NoNumber       Reason = "NoNumber"
	NumberTooLong  Reason = "NumberTooLong"
	Extension      Reason = "Extension"
	VoIP           Reason = "VoIP"
	PremiumRate    Reason = "PremiumRate"
	SharedCost     Reason = "SharedCost"
	TollFree       Reason = "TollFree"
	Pager          Reason = "Pager"
	Personal       Reason = "Personal"
	Company        Reason = "Company"
	Voicemail      Reason = "Voicemail"
	UnknownKind    Reason = "UnknownKind"
	WrongKind      Reason = "WrongKind"
	Landline       Reason = "Landline"
	CarrierSilent  Reason = "CarrierSilent"
	Unassigned     Reason = "Unassigned"
	AlreadyListed  Reason = "AlreadyListed"
	ListFull       Reason = "ListFull"
	// NoTexts, NoCalls and NoCodes: no provider reaches numbers of the country that way.
	NoTexts Reason = "NoTexts"
	NoCalls Reason = "NoCalls"
	NoCodes Reason = "NoCodes"
)

// refusals say the reasons in English; # is the number of the refusal.
var refusals = map[Reason]string{
	NothingEntered: "choose a contact or enter a phone number",
	NoAddress:      "it is no email address; check it for typing errors",
	NoNumber:       "it is no phone number of the chosen country; check the country and the digits",
	NumberTooLong:  "it is too long for a phone number",
	Extension:      "it has an extension",
	VoIP:           "it is an internet (VoIP) number",
	PremiumRate:    "it is a premium-rate number",
	SharedCost:     "it is a shared-cost number",
	TollFree:       "it is a toll-free number",
	Pager:          "it is a pager",
	Personal:       "it is a number that forwards at the caller's cost",
	Company:        "it is a company's common number",
	Voicemail:      "it is a voicemail number",
	UnknownKind:    "it is of no known kind",
	WrongKind:      "it is of a kind that gets no codes",
	Landline:       "it is a landline, which takes no text; choose a call",
	CarrierSilent:  "its carrier cannot be asked at present; choose another contact or try again later",
	Unassigned:     "nobody has this number; check the country and the digits",
	AlreadyListed:  "it is one of your contacts already",
	ListFull:       "you have # contacts already, which is the most; remove one first",
	NoTexts:        "numbers of this country get no texts from here; choose a call",
	NoCalls:        "numbers of this country get no calls from here; choose a text message",
	NoCodes:        "numbers of this country get no codes from here; enter one of a country in the list",
}

// RefusalError says that no code goes somewhere, and why. It holds no address.
type RefusalError struct {
	// Err is ErrDestination or ErrNoRoute.
	Err    error
	Reason Reason
	// Count is how many contacts there are, where the list is full.
	Count int
}

// Refuse says that no code goes to a destination.
func Refuse(r Reason) error { return &RefusalError{Err: ErrDestination, Reason: r} }

// Detail is the reason in plain English.
func (e *RefusalError) Detail() string {
	return strings.ReplaceAll(refusals[e.Reason], "#", fmt.Sprint(e.Count))
}

func (e *RefusalError) Error() string { return e.Err.Error() + ": " + e.Detail() }

func (e *RefusalError) Unwrap() error { return e.Err }

// Reasons are all that there are.
func Reasons() []Reason {
	all := make([]Reason, 0, len(refusals))
	for r := range refusals {
		all = append(all, r)
	}
	return all
}

package message

import (
	"strings"
	"unicode/utf8"
)

// The default alphabet of 3GPP TS 23.038, 6.2.1, without its escape; of the extension
// table, 6.2.1.1, a character takes two septets.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

// Segments is how many parts a mobile network sends the text in: 160 septets in one or
// 153 in each of several; with any character outside GSM-7, 70 or 67 units of UCS-2.
func Segments(text string) int {
	widths, single, each := septets(text), 160, 153
	if widths == nil {
		widths, single, each = units(text), 70, 67
	}
	total, parts, used := 0, 1, 0
	for _, w := range widths {
		total += w
		if used += w; used > each {
			parts, used = parts+1, w // an escape or surrogate pair is never torn
		}
	}
	if total <= single {
		return 1
	}
	return parts
}

// septets are the widths of the characters in GSM-7, or nil where one is not in it.
func septets(text string) []int {
	widths := make([]int, 0, len(text))
	for _, r := range text {
		w := septet(r)
		if w == 0 {
			return nil
		}
		widths = append(widths, w)
	}
	return widths
}

// InGSM7 reports whether the default alphabet or its extension has the character.
func InGSM7(r rune) bool { return septet(r) > 0 }

// septet is the width of a character in GSM-7; 0 means that it has none.
func septet(r rune) int {
	switch {
	case strings.ContainsRune(gsm7, r):
		return 1
	case strings.ContainsRune(gsm7Extension, r):
		return 2
	default:
		return 0
	}
}

// units are the widths of the characters in UTF-16.
func units(text string) []int {
	widths := make([]int, 0, utf8.RuneCountInString(text))
	for _, r := range text {
		w := 1
		if r > 0xFFFF {
			w = 2
		}
		widths = append(widths, w)
	}
	return widths
}

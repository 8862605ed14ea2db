package code

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The seed of RFC 6238, appendix B, for SHA-1.
var rfcSeed = Seed("12345678901234567890")

func TestSeedShowsWhatAuthenticatorsShow(t *testing.T) {
	for at, want := range map[int64]string{ // RFC 6238, appendix B
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		now := time.Unix(at, 0)
		if got := rfcSeed.At(8, now); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
		if got := rfcSeed.At(6, now); got != want[2:] {
			t.Errorf("%d: %s, want %s", at, got, want[2:])
		}
	}
}

// A code is right for its own half minute and for the ones before and after.
func TestSeedTakesACodeForAMinuteAndAHalf(t *testing.T) {
	shown := rfcSeed.At(6, time.Unix(59, 0))
	for at, want := range map[int64]bool{0: true, 30: true, 59: true, 60: true, 89: true, 90: false, 600: false} {
		if got := rfcSeed.Shows(shown[:3]+" "+shown[3:], 6, time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %v, want %v", at, got, want)
		}
	}
	for _, wrong := range []string{"", "0", shown + "0", shown[1:]} {
		if rfcSeed.Shows(wrong, 6, time.Unix(59, 0)) {
			t.Errorf("took %q", wrong)
		}
	}
}

// law 2: what is wrong with a seed is said without it.
func TestParseSeed(t *testing.T) {
	for text, fine := range map[string]bool{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ":          true,
		"gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n": true,
		"GEZDGNBVGY3TQOJQGEZDGNBVGY======":          true,
		"GEZDGNBVGY3TQOJQ":                          false, // 10 bytes
		"123456":                                    false,
		"":                                          false,
	} {
		seed, err := ParseSeed([]byte(text))
		if (err == nil) != fine || (fine && !strings.HasPrefix(string(seed), "1234567890123456")) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && (!errors.Is(err, ErrSeed) || (text != "" && strings.Contains(err.Error(), text))) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got := SeedKey("+12025550100"); got != "12025550100" {
		t.Errorf("key %q", got)
	}
}

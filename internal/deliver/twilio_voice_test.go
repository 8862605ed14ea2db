package deliver

import (
	"strings"
	"testing"
)

// seed 40: every language of our messages has a voice that knows it.
func TestEveryLanguageHasAVoice(t *testing.T) {
	for _, lang := range strings.Fields("en es fr de it pt-BR nl pl tr ru uk ar he hi id vi th ja ko zh-Hans zh-Hant zh-TW") {
		if got := say("1, 2", lang); !strings.HasPrefix(got, `<Response><Say voice="`) {
			t.Errorf("%s: %s", lang, got)
		}
	}
	if got := say("1, 2", "zh-TW"); !strings.Contains(got, "cmn-TW") {
		t.Errorf("zh-TW is read by %s", got)
	}
	if got := say("1, 2", "eo"); got != "<Response><Say>1, 2</Say></Response>" {
		t.Errorf("a language without a voice: %s", got)
	}
}

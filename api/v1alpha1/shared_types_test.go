package v1alpha1_test

import (
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"holdfast.dev/holdfast/api/v1alpha1"
)

func TestDuration(t *testing.T) {
	for text, want := range map[v1alpha1.Duration]time.Duration{
		"":                 0,
		"90s":              90 * time.Second,
		"1h30m":            90 * time.Minute,
		"720h":             720 * time.Hour,
		"999999h999999h1h": 1999999 * time.Hour,
	} {
		if got, err := text.Parse(); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	if got, err := v1alpha1.Duration("1d").Parse(); err == nil {
		t.Errorf("Parse(1d) = %v; want an error", got)
	}
}

func TestDurationOr(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[v1alpha1.Duration]time.Duration{"": day, "0s": day, "1d": day, "1h": time.Hour} {
		if got := text.Or(day); got != want {
			t.Errorf("Duration(%q).Or(24h) = %v; want %v", text, got, want)
		}
	}
}

// TestEmptyFieldsStayEmpty: what the platform team left out does not appear in what
// Holdfast writes, so server-side apply takes no ownership of it.
func TestEmptyFieldsStayEmpty(t *testing.T) {
	policy := v1alpha1.VerificationPolicy{Spec: v1alpha1.VerificationPolicySpec{
		Accounts: v1alpha1.AccountSelector{Patterns: []v1alpha1.AccountPattern{"*"}},
	}}
	got, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"spec":{"accounts":{"patterns":["*"]}}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestScheme: all kinds and their lists are known.
func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"VerificationPolicy", "AccountBlock", "SecurityInfoChange", "RecoveryRequest"} {
		for _, name := range []string{kind, kind + "List"} {
			if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(name)) {
				t.Errorf("the scheme does not know %s", name)
			}
		}
	}
}

func TestFinished(t *testing.T) {
	for state, want := range map[v1alpha1.BlockState]bool{
		v1alpha1.BlockActive: false, v1alpha1.BlockReleasing: false,
		v1alpha1.BlockReleased: true, v1alpha1.BlockExpired: true, v1alpha1.BlockRevoked: true,
	} {
		if got := state.Finished(); got != want {
			t.Errorf("%s: finished %v, want %v", state, got, want)
		}
	}
	if v1alpha1.ChangeOnHold.Finished() || !v1alpha1.ChangeCancelled.Finished() {
		t.Error("a change on hold is open, a cancelled one is finished")
	}
	if v1alpha1.RecoveryOnHold.Finished() || !v1alpha1.RecoveryDenied.Finished() {
		t.Error("a request on hold is open, a denied one is finished")
	}
}

package kube

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// law 11: the apiserver's clock is the date of its answer, whatever it answers; without a
// date it is unknown, which counts as skewed.
func TestAPIServerClock(t *testing.T) {
	told := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   time.Time
	}{
		"it answers": {func(w http.ResponseWriter) { w.Header().Set("Date", told.Format(http.TimeFormat)) }, told},
		"to others": {func(w http.ResponseWriter) {
			w.Header().Set("Date", told.Format(http.TimeFormat))
			w.WriteHeader(http.StatusForbidden)
		}, told},
		"without a date":    {func(w http.ResponseWriter) { w.Header()["Date"] = nil }, time.Time{}},
		"with no such date": {func(w http.ResponseWriter) { w.Header().Set("Date", "soon") }, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Path
				c.answer(w)
			}))
			defer server.Close()
			apiserver, err := NewAPIServerClock(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, err := apiserver.Now(t.Context())
			if !got.Equal(c.want) || (err == nil) == c.want.IsZero() || asked != "/version" {
				t.Errorf("%v, %v after asking %s, want %v", got, err, asked, c.want)
			}
		})
	}
	apiserver, err := NewAPIServerClock(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := apiserver.Now(t.Context()); err == nil {
		t.Errorf("an apiserver that is away says %v", got)
	}
}

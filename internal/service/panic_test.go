package service_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/service"
)

// panicking breaks with what it was given.
type panicking struct{ desk }

func (*panicking) ImportContacts(_ context.Context, in flow.Import) error {
	panic(in.Contacts[0].Address)
}

// law 2: a panic is answered, and its log shows the place and not the address.
func TestAPanicShowsNothingSecret(t *testing.T) {
	var log strings.Builder
	handler := service.New(service.Config{
		Desk: &panicking{}, Access: anyAccess{}, Synced: func() bool { return true },
		Log: funcr.New(func(_, args string) { log.WriteString(args) }, funcr.Options{}),
	})
	r := httptest.NewRequest("PUT", "/v1/namespaces/demo/accounts/a/security-info",
		strings.NewReader(`{"contacts":[{"channel":"Email","address":"anna@post.example"}]}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer shop")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusInternalServerError || recorder.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, %s", recorder.Code, recorder.Header().Get("Content-Type"))
	}
	if !strings.Contains(log.String(), "ImportContacts") || strings.Contains(log.String()+recorder.Body.String(), "post.example") {
		t.Errorf("answer %s\nlog %s", recorder.Body.String(), log.String())
	}
}

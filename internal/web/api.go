package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
)

// openAPIPath is where the description of the API stands.
const openAPIPath = "/openapi.json"

// OpenAPI is the OpenAPI 3.1 document of the public listener, in JSON. It is the
// same in every build from the same source.
func OpenAPI() ([]byte, error) {
	return (&site{}).register(http.NewServeMux()).OpenAPI().MarshalJSON()
}

func (s *site) routeAPI() {
	document, err := s.register(s.mux).OpenAPI().MarshalJSON()
	if err != nil {
		panic(err) // the same document is made by every test
	}
	s.mux.HandleFunc("GET "+openAPIPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document) // the client has gone if this fails
	})
}

func (s *site) register(mux *http.ServeMux) huma.API {
	config := problem.Config("Holdfast", "v1alpha1", "")
	config.Info.Description = "What a person does at the public pages, as JSON. A denied sign-in hands out a ticket; " +
		"it opens a flow of 15 minutes, which the cookie then carries."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"flow":   {Type: "apiKey", In: "cookie", Name: cookieName, Description: "The credential of a flow; it changes when a code is accepted."},
		"ticket": {Type: "http", Scheme: "bearer", Description: "The ticket that opened the flow through POST /v1/challenges; from then on the one that the accepted code answers with."},
	}
	api := humago.New(mux, config)
	api.UseMiddleware(s.carryVisit)
	huma.Register(api, operation("request-code", http.MethodPost, "/v1/challenges",
		"Ask for a security code; with a ticket, open the flow first", http.StatusAccepted, inFlow, 401, 409, 410, 429), s.apiRequestCode)
	huma.Register(api, operation("resend-code", http.MethodPost, "/v1/challenges/{id}/resend",
		"Ask for another code in place of this one (I don't have a code)", http.StatusAccepted, inFlow, 401, 404, 409, 410, 429), s.apiResend)
	huma.Register(api, operation("submit-code", http.MethodPost, "/v1/challenges/{id}/code",
		"Enter the code", http.StatusOK, inFlow, 401, 404, 409, 410, 429), s.apiSubmitCode)
	huma.Register(api, operation("set-password", http.MethodPost, "/v1/password",
		"Set the new password: the last step of an unblock", http.StatusOK, inFlow, 401, 409, 410, 502), s.apiSetPassword)
	huma.Register(api, operation("check-password", http.MethodPost, "/v1/password-checks",
		"Judge a password before it is used; nothing is kept", http.StatusOK, nil, 429), s.apiCheckPassword)
	huma.Register(api, operation("get-account", http.MethodGet, "/v1/account",
		"What is blocked, and what is left to do", http.StatusOK, inFlow, 401, 410), s.apiAccount)
	huma.Register(api, operation("report-code", http.MethodPost, "/v1/reports",
		"Say that a code was not asked for; answered alike whatever the token is worth", http.StatusAccepted, nil), s.apiReport)
	s.registerReceipts(api)
	s.registerSignIn(api)
	s.registerChanges(api)
	return api
}

// inFlow is what a call of a flow carries: the cookie or the ticket.
var inFlow = []map[string][]string{{"flow": {}}, {"ticket": {}}}

func operation(id, method, path, summary string, status int, security []map[string][]string, failures ...int) huma.Operation {
	errors := append([]int{421, 503}, failures...)
	if method != http.MethodGet {
		errors = append(errors, 400, 403, 413, 415)
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		DefaultStatus: status, MaxBodyBytes: maxBody + 1, Security: security, Errors: errors,
	}
}

// visitKey carries the visit of a request to its operation.
type visitKey struct{}

type call struct {
	visit   flow.Visit
	request *http.Request
}

func (s *site) carryVisit(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	next(huma.WithValue(ctx, visitKey{}, call{s.visit(r), r}))
}

func callOf(ctx context.Context) call {
	c, _ := ctx.Value(visitKey{}).(call)
	return c
}

// apiFailure answers an operation with an error, and with the credential where the
// flow has got a new one all the same.
func (s *site) apiFailure(ctx context.Context, err error, credential string) error {
	p := s.refusal(callOf(ctx).request, err)
	headers := p.GetHeaders()
	if p.Status == http.StatusUnauthorized {
		headers.Set("WWW-Authenticate", `Bearer realm="holdfast"`)
	}
	if credential != "" {
		headers.Add("Set-Cookie", credentialCookie(credential).String())
	}
	return dressed{p, headers}
}

// dressed adds headers to a problem. It is no huma.StatusError itself, so that the
// problem inside is what is written.
type dressed struct {
	error
	headers http.Header
}

func (d dressed) Unwrap() error           { return d.error }
func (d dressed) GetHeaders() http.Header { return d.headers }

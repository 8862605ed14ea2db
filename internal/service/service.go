// Package service is the listener for the IdP, the apps and the gateways: they ask
// for decisions, report signals and import verified security info.
package service

import (
	"context"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-logr/logr"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/fact"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
	// maxToken bounds a bearer token, in bytes.
	maxToken = 16 << 10
)

// Desk serves the callers.
type Desk interface {
	Decide(tenant string, r flow.Request) (flow.Decision, error)
	Report(ctx context.Context, s fact.Signal) error
	ImportContacts(ctx context.Context, in flow.Import) error
}

// Access says whether a token's bearer may create a virtual resource (decisions,
// signals, securityinfo) in a namespace.
type Access interface {
	Allow(ctx context.Context, token, namespace, resource string) error
}

// Config is what the listener needs.
type Config struct {
	Desk   Desk
	Access Access
	// Synced is false until the first sync: nothing is answered before.
	Synced func() bool
	Log    logr.Logger
}

// New returns the listener's handler.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	register(humago.New(mux, problem.Config("Holdfast service", "v1alpha1", "/openapi")), c)
	return recovered(c.Log, requireSync(c.Synced, jsonOnly(mux)))
}

// recovered turns a panic into a 500 and logs where it was, never what it said: that
// may hold what the caller sent (law 2).
func recovered(log logr.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				log.Info("handler panicked", "route", r.Pattern, "stack", string(debug.Stack()))
				problem.Write(w, problem.New(http.StatusInternalServerError, "internal", "Holdfast could not answer"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// OpenAPI is the OpenAPI 3.1 document of the listener, in JSON.
func OpenAPI() ([]byte, error) {
	api := humago.New(http.NewServeMux(), problem.Config("Holdfast service", "v1alpha1", ""))
	register(api, Config{})
	return api.OpenAPI().MarshalJSON()
}

func register(api huma.API, c Config) {
	s := server{c}
	api.OpenAPI().Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"serviceAccount": {Type: "http", Scheme: "bearer", Description: "A ServiceAccount token with the audience holdfast."},
	}
	huma.Register(api, s.operation("decide", http.MethodPost, "/v1/namespaces/{namespace}/decisions",
		"Ask whether an account may do something now", "decisions", http.StatusOK), s.decide)
	huma.Register(api, s.operation("report-signal", http.MethodPost, "/v1/namespaces/{namespace}/signals",
		"Report what happened to an account", "signals", http.StatusAccepted), s.report)
	huma.Register(api, s.operation("import-security-info", http.MethodPut, "/v1/namespaces/{namespace}/accounts/{account}/security-info",
		"Import the first security info of an account, as the IdP has verified it", "securityinfo", http.StatusNoContent), s.importContacts)
}

func (s server) operation(id, method, path, summary, resource string, status int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, DefaultStatus: status, Summary: summary, MaxBodyBytes: maxBody,
		Description: "The caller's ServiceAccount needs the verb create on " + resource + " of the group in the namespace.",
		Security:    []map[string][]string{{"serviceAccount": {}}},
		Middlewares: huma.Middlewares{s.allow(resource)},
		Errors:      []int{400, 401, 403, 413, 415, 422, 503},
	}
}

type server struct{ Config }

// Tenant is what every path begins with.
type Tenant struct {
	Namespace string `path:"namespace" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"The tenant."`
}

// allow lets a call through before its body is read where its token may create the
// resource in the namespace of the path.
func (s server) allow(resource string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		token, _ := strings.CutPrefix(ctx.Header("Authorization"), "Bearer ")
		err := rules.ErrUnauthenticated
		if token != "" && len(token) <= maxToken {
			err = s.Access.Allow(ctx.Context(), token, ctx.Param("namespace"), resource)
		}
		if err != nil {
			_, w := humago.Unwrap(ctx)
			problem.Write(w, problem.From(s.answer(err)))
			return
		}
		next(ctx)
	}
}

// answer turns an error into a problem and logs what the caller is not told.
func (s server) answer(err error) error {
	if err == nil {
		return nil
	}
	p := problem.From(err)
	if p.Status >= http.StatusInternalServerError || p.Status == http.StatusForbidden {
		s.Log.Info("request refused", "status", p.Status, "type", p.Type, "cause", err.Error())
	}
	return p
}

// network reads an address; an empty one is unknown.
func network(value string) (netip.Addr, error) {
	if value == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Addr{}, invalid("body.network", "not an IPv4 or IPv6 address")
	}
	return addr, nil
}

// invalid is the answer to a request with one fault that the schema cannot tell.
func invalid(location, message string) error {
	p := problem.New(http.StatusUnprocessableEntity, "invalid-request", "The request is not valid")
	p.Errors = []problem.Detail{{Location: location, Message: message}}
	return p
}

func requireSync(synced func() bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !synced() {
			w.Header().Set("Retry-After", "1")
			problem.Write(w, problem.New(http.StatusServiceUnavailable, "not-synced",
				"This replica has not seen all blocks yet; ask again in a moment"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// jsonOnly refuses bodies of other types, so that no form ever counts as a call.
func jsonOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && !problem.IsJSON(r.Header.Get("Content-Type")) {
			problem.Write(w, problem.New(http.StatusUnsupportedMediaType, "media-type",
				"Send the body as Content-Type: application/json"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

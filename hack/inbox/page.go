package inbox

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
)

//go:embed page.html
var pages embed.FS

var page = template.Must(template.ParseFS(pages, "page.html"))

// Handler serves the page of all messages, and GET /api/messages?to=ADDRESS,
// newest first.
func (i *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", i.showMessages)
	mux.HandleFunc("GET /api/messages", i.listMessages)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (i *Inbox) showMessages(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	// Mail is a stranger's: it may neither run nor load anything.
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	_ = page.Execute(w, struct {
		To       string
		Messages []Message
	}{to, i.box.To(to)})
}

func (i *Inbox) listMessages(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(i.box.To(r.URL.Query().Get("to")))
}

package inbox

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page.html
var pages embed.FS

var page = template.Must(template.ParseFS(pages, "page.html"))

// Handler serves the page of all messages; GET /api/messages?to=ADDRESS, newest first;
// POST /webhook for providers of type Webhook; and Twilio's API.
func (i *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", i.showMessages)
	mux.HandleFunc("GET /api/messages", i.listMessages)
	mux.HandleFunc("POST /webhook", i.takeWebhook)
	i.serveTwilio(mux)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (i *Inbox) showMessages(w http.ResponseWriter, r *http.Request) {
	to := recipient(r)
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

// recipient is whose messages are asked for. A plus sign that was not encoded is still
// one: no address holds a space.
func recipient(r *http.Request) string {
	return strings.ReplaceAll(r.URL.Query().Get("to"), " ", "+")
}

func (i *Inbox) listMessages(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(i.box.To(recipient(r)))
}

package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/web/words"
)

//go:embed templates
var templateFiles embed.FS

// page is what the layout needs; Data belongs to the page's own template.
type page struct {
	// Title is the key of the heading.
	Title string
	// Brand and Help are the policy's; on pages of no flow they are unknown.
	Brand string
	Help  flow.Help
	// Step of Steps the person is at; zero shows none.
	Step, Steps int
	Trouble     *trouble
	Data        any
	Files       files
	// Sheet has the words of the page, Languages are those that the person may choose, Here
	// is where the page is shown again in the one that was chosen.
	Sheet     *words.Sheet
	Languages []*words.Sheet
	Here      string
}

// trouble is what was wrong with a form; it leads to the field (WCAG 3.3.1, 4.1.3).
type trouble struct {
	Heading string
	Lines   []string
	// Field is the ID of the field at fault, empty if none is.
	Field string
}

// files are the addresses of what a page loads.
type files struct{ Style, Script, Mark string }

// parsePages reads the embedded templates; it cannot fail but by a broken build. What they
// call says English until speakOn gives them another voice.
func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs((&voice{}).functions()).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))
		if name == "layout" || name == "parts" {
			continue
		}
		one := template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+entry.Name()))
		all[name] = one
	}
	return all
}

// functions are what templates call. t is a text of the sheet, say one whose placeholders
// have markup of their own; both take names and values in turn.
func (v *voice) functions() template.FuncMap {
	return template.FuncMap{
		"t": v.Say, "say": v.say, "ask": v.ask, "in": v.In, "lasting": v.Lasting, "day": v.Day, "gap": v.Gap,
		"instant": instant, "date": date, "clock": clock, "until": until, "key": key, "link": link, "countdown": countdown, "parts": v.parts, "strengths": v.strengths,
		"why": v.why, "way": v.way, "instead": v.instead, "again": v.again, "sent": v.sent, "advice": v.advice,
		"strength": v.strength, "hints": v.hints, "alternatives": v.Or,
		"whole": whole, "exact": exact, "flag": flag,
		"what": v.what, "meanwhile": v.meanwhile, "cause": v.cause, "days": v.days, "piece": v.piece, "newContact": v.newContact,
		"apart": v.apart, "nth": v.nth, "tongue": v.tongue,
		"upto": func(n int) []int {
			list := make([]int, n)
			for i := range list {
				list[i] = i + 1
			}
			return list
		},
		"seconds": func(d time.Duration) int { return int(d.Seconds()) },
	}
}

// speakOn gives the pages this voice.
func (v *voice) speakOn(pages map[string]*template.Template) map[string]*template.Template {
	own := make(map[string]*template.Template, len(pages))
	for name, p := range pages {
		own[name] = template.Must(p.Clone()).Funcs(v.functions())
	}
	return own
}

// render writes a page whole or not at all.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	v := s.voice(r)
	v.spoken(w.Header())
	p.Files = files{s.assets.URL("holdfast.css"), s.assets.URL("holdfast.js"), s.assets.URL("mark.svg")}
	p.Sheet, p.Languages, p.Here = v.Sheet, s.voices.Languages(), s.here(r, name == "error" || name == "signin-failed")
	if p.Brand == "" {
		p.Brand = v.Say("layout.brand")
	}
	var body bytes.Buffer
	if err := v.pages[name].Execute(&body, p); err != nil {
		s.Log.Error(err, "page could not be rendered", "page", name)
		http.Error(w, v.Say("layout.unshown"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the client has gone if this fails
}

// of is a page of a flow.
func of(o flow.Overview, title string, step int, data any) page {
	p := page{Title: title, Brand: upper(o.ProductName), Help: o.Help, Data: data}
	if step > 0 {
		p.Step, p.Steps = step, stepsOf(o)
	}
	return p
}

// upper begins a name with a capital letter.
func upper(name string) string {
	for i, r := range name {
		return strings.ToUpper(string(r)) + name[i+len(string(r)):]
	}
	return ""
}

// see sends the browser on to a page of ours after a deed (303).
func see(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
}

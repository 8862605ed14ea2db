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
)

//go:embed templates
var templateFiles embed.FS

// page is what the layout needs; Data belongs to the page's own template.
type page struct {
	Title string
	// Brand and Help are the policy's; on pages of no flow they are unknown.
	Brand string
	Help  flow.Help
	// Step of Steps the person is at; zero shows none.
	Step, Steps int
	Trouble     *trouble
	Data        any
	Files       files
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

// parsePages reads the embedded templates; it cannot fail but by a broken build.
func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"why": why, "way": way, "instead": instead, "again": again, "whole": whole, "sent": sent, "advice": advice, "strength": strength,
		"piece": piece, "apart": apart, "nth": nth, "day": day, "days": days, "flag": flag, "dial": dial, "domains": domains,
		"moment": moment, "clock": clock, "exact": exact, "lasting": lasting,
		"upto": func(n int) []int {
			list := make([]int, n)
			for i := range list {
				list[i] = i + 1
			}
			return list
		},
		"seconds": func(d time.Duration) int { return int(d.Seconds()) },
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
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

// render writes a page whole or not at all.
func (s *site) render(w http.ResponseWriter, status int, name string, p page) {
	p.Files = files{s.assets.URL("holdfast.css"), s.assets.URL("holdfast.js"), s.assets.URL("mark.svg")}
	if p.Brand == "" {
		p.Brand = "Account protection"
	}
	var body bytes.Buffer
	if err := s.pages[name].Execute(&body, p); err != nil {
		s.Log.Error(err, "page could not be rendered", "page", name)
		http.Error(w, "This page could not be shown. Nothing was changed.", http.StatusInternalServerError)
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

package web

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"holdfast.dev/holdfast/internal/web/words"
)

// languageCookie keeps the language that a person chose in the menu of the pages.
const languageCookie = "__Host-holdfast-language"

// varyingBy are the headers of a request that the language depends on.
const varyingBy = "Accept-Language, Cookie"

// languageLife is how long the choice is kept, in seconds.
const languageLife = 365 * 24 * 60 * 60

// voice is how the pages speak one language.
type voice struct {
	*words.Sheet
	// countries are named and sorted as the language does.
	countries []Country
	pages     map[string]*template.Template
}

// voices speak all languages that there are words in.
type voices struct {
	*words.Catalogue
	// made makes a voice once it is needed.
	made map[*words.Sheet]func() *voice
}

func newVoices(c *words.Catalogue, countries []Country) voices {
	base := parsePages()
	all := voices{c, map[*words.Sheet]func() *voice{}}
	for _, sheet := range c.Languages() {
		all.made[sheet] = sync.OnceValue(func() *voice {
			v := &voice{Sheet: sheet, countries: named(countries, sheet.Language())}
			v.pages = v.speakOn(base)
			return v
		})
	}
	return all
}

// named names and sorts countries in a language; those that it has no name for keep theirs.
func named(countries []Country, tag language.Tag) []Country {
	names := display.Regions(tag)
	list := slices.Clone(countries)
	for i, c := range list {
		region, err := language.ParseRegion(c.ISO)
		if names == nil || err != nil {
			continue
		}
		if name := names.Name(region); name != "" {
			list[i].Name = name
		}
	}
	order := collate.New(tag)
	slices.SortStableFunc(list, func(a, b Country) int { return order.CompareString(a.Name, b.Name) })
	return list
}

// voice speaks the language of a request: the one that the person chose, else the one that
// the browser asks for. It depends on nothing else (law 6).
func (s *site) voice(r *http.Request) *voice {
	return s.voices.made[s.voices.Choose(chosenLanguage(r), strings.Join(r.Header.Values("Accept-Language"), ","))]()
}

// chosenLanguage is what the person chose in the menu, as the browser says; empty without.
func chosenLanguage(r *http.Request) string {
	cookie, err := r.Cookie(languageCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// spoken says in the headers which language an answer has and what that depends on.
func (v *voice) spoken(h http.Header) {
	h.Set("Content-Language", v.Tag())
	h.Set("Vary", varyingBy)
}

// chooseLanguage keeps the choice of the menu and leads back. Nothing else depends on it.
func (s *site) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	if sheet := s.voices.Named(r.PostForm.Get("language")); sheet != nil {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: sheet.Tag(), Path: "/", MaxAge: languageLife,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	see(w, local(r.PostForm.Get("back")))
	return nil
}

// local is a path of this site that a form names, else the first page.
func local(back string) string {
	u, err := url.ParseRequestURI(back) // refuses what a browser would drop: tabs and line ends
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsRune(back, '\\') {
		return "/"
	}
	return u.RequestURI()
}

// shownAt are the pages of forms whose own address shows none.
var shownAt = map[string]string{"/unblock/resend": "/unblock/no-code", infoPath + "/resend": infoPath + "/code"}

// lasting is what a query says that belongs to the page; the rest is nobody's.
func lasting(asked url.Values) url.Values {
	maps.DeleteFunc(asked, func(name string, _ []string) bool {
		return !slices.Contains([]string{"account", "another", "change", "contact", "notice", "number", "prove", "saved", "ticket", "token"}, name)
	})
	return asked
}

// here is where the page of a request is shown again. Pages of failures leave the query out:
// they are the same for every dead link (law 6).
func (s *site) here(r *http.Request, failed bool) string {
	at := r.URL.EscapedPath()
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if asked := lasting(r.URL.Query()); len(asked) > 0 && !failed {
			at += "?" + asked.Encode()
		}
		return at
	}
	if shown, known := shownAt[at]; known {
		return shown
	}
	for ; at != "/" && at != "."; at = path.Dir(at) {
		if _, pattern := s.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: at}}); strings.HasPrefix(pattern, "GET ") {
			break
		}
	}
	if id := r.PostForm.Get("change"); id != "" && !failed {
		at += "?" + url.Values{"change": {id}}.Encode()
	}
	return at
}

// until is a clock time within the next hours, else a date.
func until(t time.Time, near bool) part {
	if near {
		return clock(t)
	}
	return instant(t)
}

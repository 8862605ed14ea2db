package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is one static file.
type asset struct {
	// url names the content by its hash, so that it can be kept for ever.
	url     string
	content []byte
	hash    string
}

// assets are the static files by name, with and without hash.
type assets map[string]asset

// loadAssets reads what is embedded; it cannot fail but by a broken build.
func loadAssets() assets {
	all := assets{}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		content, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:8])
		extension := path.Ext(entry.Name())
		hashed := strings.TrimSuffix(entry.Name(), extension) + "." + hash + extension
		file := asset{url: "/assets/" + hashed, content: content, hash: hash}
		all[entry.Name()], all[hashed] = file, file
	}
	return all
}

// URL is the address of a file, with its hash.
func (a assets) URL(name string) string { return a[name].url }

// ServeHTTP serves a file: for ever under its hash, else to be asked for again.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	file, found := a[name]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("ETag", `"`+file.hash+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	if "/assets/"+name == file.url {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file.content))
}

package e2e

import (
	"crypto/tls"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// nothingSecret looks for every address and code of the run in what leaves the store,
// and in what is left behind.
func nothingSecret(d *demo, t *testing.T) {
	var addresses, codes []string
	by := map[string]int{}
	for _, address := range []string{
		aliceAddress, adaAddress, "grace@example.test", linusAddress,
		"+12025550101", adaPhone, gracePhone, linusPhone, linusSecond, linusThird, linusByYAML, adaThief,
		hannaAddress, hannaPhone, hannaNew, rexAddress, graceByYAML, thiefPhone, thiefAddress,
	} {
		addresses = append(addresses, strings.TrimPrefix(address, "+1"))
		for _, m := range d.inbox(address) {
			if code := m.code(); code != "" {
				codes, by[m.Channel] = append(codes, code), by[m.Channel]+1
			}
		}
	}
	if by["Email"] < 3 || by["SMS"] == 0 || by["Voice"] == 0 {
		t.Fatalf("%v codes were sent in the whole run: too little is tried here", by)
	}
	// Six digits stand in sealed bytes and counters by chance; in text that people and
	// programs read they may not, unless within a longer number, such as an instant's.
	number := regexp.MustCompile(`\d+`)
	for place, p := range map[string]struct {
		text   string
		byWord bool
		chance bool
	}{
		"objects":           {text: d.mustKubectl("", "get", "holdfast,configmaps,leases,events,events.events.k8s.io", "-A", "-o", "yaml")},
		"log of Holdfast":   {text: d.file("logs/holdfast.log")},
		"log of apiserver":  {text: d.file("logs/kube-apiserver.log"), chance: true},
		"metrics":           {text: d.metrics(), byWord: true},
		"etcd":              {text: d.files("etcd"), chance: true},
		"database":          {text: d.file("holdfast.db"), chance: true},
		"database's change": {text: d.file("holdfast.db-wal"), chance: true},
	} {
		if p.text == "" {
			t.Errorf("the %s is empty: nothing was looked at", place)
		}
		for _, secret := range append(addresses, newPassword, phonePassword, adaPassword, graceReturns, linusReturns) {
			// Who writes a Secret puts it into etcd: these were the test's.
			if ours := place == "etcd" && (strings.HasSuffix(linusByYAML, secret) || strings.HasSuffix(graceByYAML, secret)); !ours && strings.Contains(p.text, secret) {
				t.Errorf("the %s holds %q", place, secret)
			}
		}
		if p.chance {
			continue
		}
		numbers := number.FindAllString(p.text, -1)
		for _, code := range codes {
			held := !p.byWord && slices.Contains(numbers, code)
			for _, end := range []string{`"`, " ", "\n"} {
				held = held || (p.byWord && strings.Contains(p.text, `"`+code+end))
			}
			if held {
				t.Errorf("the %s holds the code %s", place, code)
			}
		}
	}
}

// metrics is what Prometheus scrapes, by a ServiceAccount that may get nothing else.
func (d *demo) metrics() string {
	d.t.Helper()
	d.mustKubectl("", "create", "serviceaccount", "prometheus", "-n", "demo")
	d.mustKubectl("", "create", "clusterrolebinding", "prometheus", "--clusterrole=holdfast-metrics-reader", "--serviceaccount=demo:prometheus")
	token := strings.TrimSpace(d.mustKubectl("", "create", "token", "prometheus", "-n", "demo"))
	scraper := &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate is the process's own
	}}
	defer scraper.CloseIdleConnections()
	request, err := http.NewRequestWithContext(d.t.Context(), "GET", d.env["HOLDFAST_METRICS_URL"], nil)
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := scraper.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), "holdfast_") {
		d.t.Fatalf("metrics: status %d, %d bytes, %v", response.StatusCode, len(text), err)
	}
	return string(text)
}

// files is everything in a folder of the run.
func (d *demo) files(folder string) string {
	d.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(d.dir, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all.String()
}

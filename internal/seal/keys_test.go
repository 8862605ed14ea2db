package seal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The JSON of a keyset has optional spaces.
var (
	primaryID = regexp.MustCompile(`("primaryKeyId": *)`)
	keyValue  = regexp.MustCompile(`"value": *"([^"]{40,})"`)
)

var entries = []string{EntryContacts, EntryTickets, EntryCodes, EntryLookup}

func generate(t testing.TB) *Keys {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysComeBackFromTheSecret(t *testing.T) {
	k := generate(t)
	again, err := Parse(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.Marshal(), again.Marshal()); diff != "" {
		t.Fatal("the data changed on the way")
	}
	sealed, err := k.Seal([]byte("anna@example.com"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open(sealed, "row"); err != nil || string(plain) != "anna@example.com" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if again.Lookup("shop", "a") != k.Lookup("shop", "a") || again.Code(challenge()) != k.Code(challenge()) {
		t.Fatal("hashes or codes changed on the way")
	}
}

// law 13: a key lost is an error that names it, never a new key; law 2: no error
// shows a value.
func TestParseNamesTheEntryAndShowsNoValue(t *testing.T) {
	for _, entry := range entries {
		for name, damage := range map[string]func([]byte) []byte{
			"missing":   func([]byte) []byte { return nil },
			"empty":     func([]byte) []byte { return []byte{} },
			"cut short": func(v []byte) []byte { return v[:len(v)/2] },
			"no JSON":   func([]byte) []byte { return []byte("tr0ub4dor and three") },
			"no keys":   func([]byte) []byte { return []byte(`{"primaryKeyId":7}`) },
			"no such primary": func(v []byte) []byte {
				return primaryID.ReplaceAll(v, []byte("${1}1"))
			},
			"an unknown status":  func(v []byte) []byte { return bytes.Replace(v, []byte("ENABLED"), []byte("tr0ub4dor and three"), 1) },
			"a disabled primary": func(v []byte) []byte { return bytes.Replace(v, []byte("ENABLED"), []byte("DISABLED"), 1) },
			"an unknown key type": func(v []byte) []byte {
				return bytes.Replace(v, []byte("type.googleapis.com/"), []byte("tr0ub4dor and three/"), 1)
			},
		} {
			t.Run(entry+" "+name, func(t *testing.T) {
				data := generate(t).Marshal()
				secrets := values(t, data)
				data[entry] = damage(data[entry])
				_, err := Parse(data)
				if err == nil || !strings.Contains(err.Error(), entry) {
					t.Fatalf("err = %v, want one that names %s", err, entry)
				}
				for _, secret := range append(secrets, "tr0ub4dor and three") {
					if leaks(err.Error(), secret) {
						t.Fatalf("the error shows the value: %v", err)
					}
				}
			})
		}
	}
}

func TestParseRefusesAKeyOfAnotherType(t *testing.T) {
	for entry, other := range map[string]string{
		EntryContacts: EntryCodes, EntryTickets: EntryLookup, EntryCodes: EntryContacts, EntryLookup: EntryTickets,
	} {
		data := generate(t).Marshal()
		data[entry] = data[other]
		if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), entry) {
			t.Errorf("%s holding %s: %v", entry, other, err)
		}
	}
}

// law 2: nothing that prints Keys shows a key.
func TestKeysPrintNothing(t *testing.T) {
	k := generate(t)
	var out bytes.Buffer
	hidden := struct {
		pointer *Keys
		value   Keys
	}{k, *k}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		for _, holder := range []any{k, *k, []any{k, *k}, struct{ K *Keys }{k}, hidden} {
			_, _ = fmt.Fprintf(&out, verb, holder)
		}
	}
	_, _ = fmt.Fprint(&out, k.String(), k, *k)
	if err := json.NewEncoder(&out).Encode([]any{k, *k, struct{ K Keys }{*k}, map[string]*Keys{"k": k}}); err != nil {
		t.Fatal(err)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("keys", "pointer", k, "value", *k)
	}
	if !strings.Contains(out.String(), redacted) {
		t.Fatal("the keys do not even name themselves")
	}
	codes := k.material().codes.keys[k.CodeKey()]
	secrets := append(values(t, k.Marshal()), fmt.Sprintf("%d", codes), fmt.Sprintf("%x", codes), string(codes))
	for _, entry := range k.Marshal() {
		secrets = append(secrets, fmt.Sprintf("%d", entry))
	}
	for _, secret := range secrets {
		if leaks(out.String(), secret) {
			t.Fatal("key material was printed")
		}
	}
}

// values are the raw key values inside the keysets.
func values(t *testing.T, data map[string][]byte) []string {
	t.Helper()
	var all []string
	for entry, keyset := range data {
		value := keyValue.FindSubmatch(keyset)
		if value == nil {
			t.Fatalf("no key value in %s", entry)
		}
		all = append(all, string(value[1]))
	}
	return all
}

// leaks reports whether text holds a stretch of 12 bytes of the secret.
func leaks(text, secret string) bool {
	for i := 0; i+12 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+12]) {
			return true
		}
	}
	return false
}
